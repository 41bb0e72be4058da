import { deepEqual, ok } from "node:assert/strict";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { Fault } from "../../service-tools/local-hub/faults/fault.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { imageServer, serving, testImage } from "../support/image-server.ts";
import type { TestImage } from "../support/image-server.ts";
import type { AgentProcess } from "../support/processes.ts";
import type { Witness } from "../support/witness.ts";

/* Every way that an update or a reboot of a board can take, each to the end that is right for it. */

/** One journey of one board, and who plays a part in it. */
interface Scene {
  readonly hub: LocalHub;
  readonly deviceId: string;
  readonly agent: AgentProcess;
  readonly witness: Witness;
  readonly images: Images;
  readonly operationId: string;
  readonly version: string;
  /** Lines that the agent had logged when the journey began. */
  readonly begin: number;
}

export interface Images {
  readonly origin: string;
  readonly ca: string;
  readonly image: TestImage;
}

/** What kind of board a journey needs. */
export type Kind = "quick" | "wary" | "slow";

export const settingsOf: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  quick: {},
  /** Does not wait long for a new system that cannot reach the hub. */
  wary: { BOARDKEEPER_UPDATE_PROVE_WITHIN_SECONDS: "3" },
  /** Something else can come due while it installs. */
  slow: { BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "7" },
};

export interface Journey {
  readonly on: Kind;
  readonly of: "update" | "reboot";
  /** The line with which it is granted. */
  readonly granted: string;
  /** Every change of state on its way, as the agent logs them. */
  readonly changes: readonly JsonObject[];
  /** The one phase that it may end in; of those that do not end well, with the code that says why. */
  readonly end: string;
  readonly code?: string;
  /** How often the board starts on the way. */
  readonly boots: number;
  /** Whether it runs another system afterwards. */
  readonly changesSystem: boolean;
  /** What people ask for; resolves with the status of the first answer. */
  readonly ask: (scene: Scene) => Promise<number>;
  /** What else happens meanwhile. */
  readonly meanwhile?: (scene: Scene) => Promise<void>;
}

const update = (...phases: string[]): JsonObject[] => phases.map((to) => ({ msg: "update phase", to }));
const reboot = (...phases: string[]): JsonObject[] => phases.map((to) => ({ msg: "reboot phase", to }));
const staging = update("accepted", "downloading", "verifying", "staged", "applying");
const restart = [...update("rebooting"), ...reboot("rebooting", "proven")];

export const journeys = {
  good: {
    on: "quick",
    of: "update",
    granted: "accepted",
    changes: [...staging, ...restart, ...update("proving", "completed")],
    end: "completed",
    boots: 1,
    changesSystem: true,
    ask: (scene) => askUpdate(scene),
  },
  /** The new system hangs as it starts: a watchdog of the board's takes the power away, and the boot loader goes back. */
  dead: {
    on: "wary",
    of: "update",
    granted: "accepted",
    changes: [...update("rebooting"), ...reboot("rebooting", "proven"), ...update("rolledBack")],
    end: "rolledBack",
    code: "fell-back",
    boots: 2,
    changesSystem: false,
    ask: (scene) => askUpdate(scene),
    async meanwhile(scene): Promise<void> {
      const deafness = await deafFrom(scene);
      await scene.agent.line({ msg: "board started", firmware: scene.version }, { after: scene.begin });
      scene.agent.signal("SIGUSR2");
      await backOnTheOld(scene, deafness);
    },
  },
  /** The new system comes up and cannot reach the hub. */
  deaf: {
    on: "wary",
    of: "update",
    granted: "accepted",
    changes: [...update("rebooting", "proving", "reverting"), ...update("rolledBack")],
    end: "rolledBack",
    code: "not-proven",
    boots: 2,
    changesSystem: false,
    ask: (scene) => askUpdate(scene),
    meanwhile: async (scene) => await backOnTheOld(scene, await deafFrom(scene)),
  },
  /** Another image than was asked for. */
  wrong: {
    on: "quick",
    of: "update",
    granted: "accepted",
    changes: update("accepted", "downloading", "verifying", "failed"),
    end: "failed",
    code: "bad-digest",
    boots: 0,
    changesSystem: false,
    ask: (scene) => askUpdate(scene, { fwPackageCheckValue: "0".repeat(64) }),
  },
  /** Cancelled while it is fetched. */
  cancelled: {
    on: "quick",
    of: "update",
    granted: "accepted",
    changes: update("accepted", "downloading", "cancelled"),
    end: "cancelled",
    boots: 0,
    changesSystem: false,
    ask: (scene) => askUpdate(scene, { fwPackageUri: `${scene.images.origin}/stuck.img` }),
    async meanwhile({ agent, witness, operationId, begin }): Promise<void> {
      await agent.line({ msg: "update phase", to: "downloading", operationId }, { after: begin });
      const { status } = await witness.ask("cancelFirmwareUpdate", { operationId });
      ok(status === 200 || status === 404, `not cancelled: ${status}`); // Cancelled by a call that nobody could answer.
    },
  },
  rebooted: {
    on: "quick",
    of: "reboot",
    granted: "scheduled",
    changes: reboot("scheduled", "rebooting", "proven"),
    end: "proven",
    boots: 1,
    changesSystem: false,
    ask: ({ witness, operationId }) => askReboot(witness, operationId, 1),
  },
  kept: {
    on: "quick",
    of: "reboot",
    granted: "scheduled",
    changes: reboot("scheduled", "cancelled"),
    end: "cancelled",
    boots: 0,
    changesSystem: false,
    ask: ({ witness, operationId }) => askReboot(witness, operationId, 3_600),
    async meanwhile({ agent, witness, operationId, begin }): Promise<void> {
      await agent.line({ msg: "reboot phase", to: "scheduled", operationId }, { after: begin });
      const { status } = await witness.ask("cancelReboot", { operationId });
      ok(status === 200 || status === 404, `not cancelled: ${status}`);
    },
  },
  /** A reboot that comes due while an update is applied: the update's own reboot is that one too. */
  both: {
    on: "slow",
    of: "reboot",
    granted: "scheduled",
    // Not before it is applied: two restarts of the agent could take longer than the delay, and the reboot would come alone.
    changes: [...update("applying"), ...reboot("waiting"), ...restart, ...update("proving", "completed")],
    end: "proven",
    boots: 1,
    changesSystem: true,
    async ask(scene): Promise<number> {
      const { agent, witness, operationId, begin } = scene;
      const updateId = `${operationId}-update`;
      deepEqual(await askUpdate({ ...scene, operationId: updateId }, { apply: "manual" }), 200);
      await agent.line({ msg: "update phase", to: "staged" }, { after: begin });
      const asked = askReboot(witness, operationId, 4);
      await agent.line({ msg: "reboot phase", to: "scheduled" }, { after: begin });
      const { status } = await witness.ask("applyFirmwareUpdate", { operationId: updateId });
      ok(status === 200 || status === 404, `not applied: ${status}`);
      return await asked;
    },
    meanwhile: async ({ witness, operationId }) => void (await witness.end(`${operationId}-update`)),
  },
} as const satisfies Record<string, Journey>;
export type JourneyName = keyof typeof journeys;

/** Serves an image, and under another name one half of it. */
export async function serveImages(): Promise<Images> {
  const image = testImage(1_000_000);
  const whole = serving(image);
  const server = await imageServer((request, response) => {
    if (request.url !== "/stuck.img") return whole(request, response);
    response.writeHead(200, { "content-length": image.sizeBytes });
    response.write(image.content.subarray(0, image.sizeBytes / 2));
  });
  return { origin: server.origin, ca: server.ca, image };
}

async function askUpdate({ witness, images, version, operationId }: Scene, changes: JsonObject = {}): Promise<number> {
  const { status, payload } = await witness.ask("firmwareUpdate", {
    fwPackageUri: `${images.origin}/board.img`,
    fwPackageCheckValue: images.image.sha256,
    fwVersion: version,
    operationId,
    ...changes,
  });
  deepEqual(payload["operationId"], operationId);
  return status;
}

async function askReboot(witness: Witness, operationId: string, delaySeconds: number): Promise<number> {
  return (await witness.ask("rebootDevice", { operationId, delaySeconds })).status;
}

/** From its restart on, nobody on this board reaches the hub: connections that are there stay. */
async function deafFrom({ hub, deviceId, agent, begin }: Scene): Promise<Fault> {
  await agent.line({ msg: "update phase", to: "rebooting" }, { after: begin });
  return hub.faults.add("accept-reset", {}, { on: ["mqtt"], deviceId });
}

async function backOnTheOld({ agent, version, begin }: Scene, deafness: Fault): Promise<void> {
  const tried = await agent.line({ msg: "board started", firmware: version }, { after: begin });
  await agent.line({ msg: "board started" }, { after: agent.lines.indexOf(tried) + 1 });
  await deafness.end();
}
