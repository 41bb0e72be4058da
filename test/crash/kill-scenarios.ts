import { deepEqual, ok } from "node:assert/strict";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { Fault } from "../../service-tools/local-hub/faults/fault.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { imageServer, serving, testImage } from "../support/image-server.ts";
import type { TestImage } from "../support/image-server.ts";
import type { AgentProcess } from "../support/processes.ts";
import type { BoardChecker } from "../support/board-checker.ts";

/* Every way in which an update or a reboot of a board can go, each with the end that is right for it. */

/** One run of a scenario on one board. */
interface ScenarioContext {
  readonly hub: LocalHub;
  readonly deviceId: string;
  readonly agent: AgentProcess;
  readonly checker: BoardChecker;
  readonly images: Images;
  readonly operationId: string;
  readonly version: string;
  /** How many lines the agent had logged before the scenario began. */
  readonly begin: number;
}

export interface Images {
  readonly origin: string;
  readonly ca: string;
  readonly image: TestImage;
}

/** What kind of board a scenario needs. */
export type BoardKind = "quick" | "shortHealthCheck" | "slowInstall";

export const settingsOf: Readonly<Record<BoardKind, Readonly<Record<string, string>>>> = {
  quick: {},
  /** Gives a new system 3 s to reach the hub. */
  shortHealthCheck: { BOARDKEEPER_UPDATE_PROVE_WITHIN_SECONDS: "3" },
  /** Installs so slowly that a reboot can come due meanwhile. */
  slowInstall: { BOARDKEEPER_SIMULATION_PAUSE_SECONDS: "7" },
};

export interface KillScenario {
  readonly on: BoardKind;
  readonly of: "update" | "reboot";
  /** The phase in which the operation is accepted. */
  readonly granted: string;
  /** Every state change on its way, as the agent logs it. */
  readonly changes: readonly JsonObject[];
  /** The one phase in which it may end; with the error code, where it does not end well. */
  readonly end: string;
  readonly code?: string;
  /** How often the board boots on the way. */
  readonly boots: number;
  /** Whether it runs another system afterwards. */
  readonly changesSystem: boolean;
  /** Calls the board; resolves with the status of the first answer. */
  readonly ask: (context: ScenarioContext) => Promise<number>;
  /** What else happens during the scenario. */
  readonly meanwhile?: (context: ScenarioContext) => Promise<void>;
}

const update = (...phases: string[]): JsonObject[] => phases.map((to) => ({ msg: "update phase", to }));
const reboot = (...phases: string[]): JsonObject[] => phases.map((to) => ({ msg: "reboot phase", to }));
const staging = update("accepted", "downloading", "verifying", "staged", "applying");
const restart = [...update("rebooting"), ...reboot("rebooting", "proven")];

export const killScenarios = {
  completed: {
    on: "quick",
    of: "update",
    granted: "accepted",
    changes: [...staging, ...restart, ...update("proving", "completed")],
    end: "completed",
    boots: 1,
    changesSystem: true,
    ask: (context) => askUpdate(context),
  },
  /** The new system hangs at boot: the board's watchdog resets it, and the boot loader falls back. */
  neverBoots: {
    on: "shortHealthCheck",
    of: "update",
    granted: "accepted",
    changes: [...update("rebooting"), ...reboot("rebooting", "proven"), ...update("rolledBack")],
    end: "rolledBack",
    code: "fell-back",
    boots: 2,
    changesSystem: false,
    ask: (context) => askUpdate(context),
    async meanwhile(context): Promise<void> {
      const unreachable = await unreachableFromReboot(context);
      await context.agent.line({ msg: "board started", firmware: context.version }, { after: context.begin });
      context.agent.signal("SIGUSR2");
      await untilRolledBack(context, unreachable);
    },
  },
  /** The new system boots and cannot reach the hub. */
  cannotReachHub: {
    on: "shortHealthCheck",
    of: "update",
    granted: "accepted",
    changes: [...update("rebooting", "proving", "reverting"), ...update("rolledBack")],
    end: "rolledBack",
    code: "not-proven",
    boots: 2,
    changesSystem: false,
    ask: (context) => askUpdate(context),
    meanwhile: async (context) => await untilRolledBack(context, await unreachableFromReboot(context)),
  },
  /** The image is not the one that was asked for. */
  wrongDigest: {
    on: "quick",
    of: "update",
    granted: "accepted",
    changes: update("accepted", "downloading", "verifying", "failed"),
    end: "failed",
    code: "bad-digest",
    boots: 0,
    changesSystem: false,
    ask: (context) => askUpdate(context, { fwPackageCheckValue: "0".repeat(64) }),
  },
  /** Cancelled during the download. */
  updateCancelled: {
    on: "quick",
    of: "update",
    granted: "accepted",
    changes: update("accepted", "downloading", "cancelled"),
    end: "cancelled",
    boots: 0,
    changesSystem: false,
    ask: (context) => askUpdate(context, { fwPackageUri: `${context.images.origin}/stuck.img` }),
    async meanwhile({ agent, checker, operationId, begin }): Promise<void> {
      await agent.line({ msg: "update phase", to: "downloading", operationId }, { after: begin });
      const { status } = await checker.call("cancelFirmwareUpdate", { operationId });
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
    ask: ({ checker, operationId }) => askReboot(checker, operationId, 1),
  },
  rebootCancelled: {
    on: "quick",
    of: "reboot",
    granted: "scheduled",
    changes: reboot("scheduled", "cancelled"),
    end: "cancelled",
    boots: 0,
    changesSystem: false,
    ask: ({ checker, operationId }) => askReboot(checker, operationId, 3_600),
    async meanwhile({ agent, checker, operationId, begin }): Promise<void> {
      await agent.line({ msg: "reboot phase", to: "scheduled", operationId }, { after: begin });
      const { status } = await checker.call("cancelReboot", { operationId });
      ok(status === 200 || status === 404, `not cancelled: ${status}`);
    },
  },
  /** A reboot comes due while an update is applied: the update's own reboot fulfils it. */
  rebootDuringUpdate: {
    on: "slowInstall",
    of: "reboot",
    granted: "scheduled",
    // From the application on: with two restarts of the agent before it, the reboot's delay could end first.
    changes: [...update("applying"), ...reboot("waiting"), ...restart, ...update("proving", "completed")],
    end: "proven",
    boots: 1,
    changesSystem: true,
    async ask(context): Promise<number> {
      const { agent, checker, operationId, begin } = context;
      const updateId = `${operationId}-update`;
      deepEqual(await askUpdate({ ...context, operationId: updateId }, { apply: "manual" }), 200);
      await agent.line({ msg: "update phase", to: "staged" }, { after: begin });
      const asked = askReboot(checker, operationId, 4);
      await agent.line({ msg: "reboot phase", to: "scheduled" }, { after: begin });
      const { status } = await checker.call("applyFirmwareUpdate", { operationId: updateId });
      ok(status === 200 || status === 404, `not applied: ${status}`);
      return await asked;
    },
    meanwhile: async ({ checker, operationId }) => void (await checker.untilEnded(`${operationId}-update`)),
  },
} as const satisfies Record<string, KillScenario>;
export type KillScenarioName = keyof typeof killScenarios;

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

async function askUpdate(
  { checker, images, version, operationId }: ScenarioContext,
  changes: JsonObject = {},
): Promise<number> {
  const { status, payload } = await checker.call("firmwareUpdate", {
    fwPackageUri: `${images.origin}/board.img`,
    fwPackageCheckValue: images.image.sha256,
    fwVersion: version,
    operationId,
    ...changes,
  });
  deepEqual(payload["operationId"], operationId);
  return status;
}

async function askReboot(checker: BoardChecker, operationId: string, delaySeconds: number): Promise<number> {
  return (await checker.call("rebootDevice", { operationId, delaySeconds })).status;
}

/** From its reboot on, nothing on this board can connect to the hub; open connections stay. */
async function unreachableFromReboot({ hub, deviceId, agent, begin }: ScenarioContext): Promise<Fault> {
  await agent.line({ msg: "update phase", to: "rebooting" }, { after: begin });
  return hub.faults.add("accept-reset", {}, { on: ["mqtt"], deviceId });
}

async function untilRolledBack({ agent, version, begin }: ScenarioContext, unreachable: Fault): Promise<void> {
  const tried = await agent.line({ msg: "board started", firmware: version }, { after: begin });
  await agent.line({ msg: "board started" }, { after: agent.lines.indexOf(tried) + 1 });
  await unreachable.end();
}
