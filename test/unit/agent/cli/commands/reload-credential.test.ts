import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  reloadCredential,
  type ReloadPorts,
  type PassedCredential,
} from "../../../../../agent/cli/commands/reload-credential.ts";
import { fingerprintConnectionString } from "../../../../../agent/config/fingerprint.ts";
import { FakeTerminal } from "../../../../support/fake-terminal.ts";

const path = "/etc/boardkeeper/credentials/connection-string";
const older = "HostName=h.example;DeviceId=board-1;SharedAccessKey=b2xkLW9sZC1vbGQtb2xk";
const newer = "HostName=h.example;DeviceId=board-1;SharedAccessKey=bmV3LW5ldy1uZXctbmV3";

interface Situation {
  /** What lies on disk at each reading; the last stays. */
  readonly contents: readonly (string | undefined)[];
  /** What the agent answers to each question; the last stays. Unless given: it uses the older one. */
  readonly agent?: readonly (Record<string, string | boolean> | undefined)[];
  readonly isServiceUp?: boolean;
  /** How long each question to the agent takes. */
  readonly questionMs?: number;
  readonly settingsFile?: string;
}

function inUse(text: string, lastKnownGood = false): Record<string, string | boolean> {
  return { connectionString: fingerprintConnectionString(text).connectionString ?? "", lastKnownGood };
}

function next<T>(list: readonly T[]): () => T | undefined {
  let at = 0;
  return () => list[Math.min(at++, list.length - 1)];
}

interface Outcome {
  readonly status: number;
  readonly restarts: number;
  readonly said: string;
  readonly tookMs: number;
}

async function run({
  contents,
  agent = [inUse(older)],
  isServiceUp = true,
  questionMs = 0,
  settingsFile,
}: Situation): Promise<Outcome> {
  const terminal = new FakeTerminal();
  const [read, ask] = [next(contents), next(agent)];
  let restarts = 0;
  let nowMs = 1_000;
  const ports: ReloadPorts = {
    settingsFile: settingsFile ?? null,
    clock: { nowMs: () => nowMs },
    timer: { after: (delayMs) => Promise.resolve(void (nowMs += delayMs)) },
    readStored: (): Promise<PassedCredential | undefined> => {
      const text = read();
      return Promise.resolve(text === undefined ? undefined : { path, text });
    },
    describeAgent: () => {
      nowMs += questionMs;
      return Promise.resolve(ask());
    },
    isServiceUp: () => Promise.resolve(isServiceUp),
    restartService: () => Promise.resolve(void (restarts += 1)),
  };
  const status = await reloadCredential(terminal, ports);
  expect(terminal.result).not.toMatch(/SharedAccessKey=|bmV3|b2xk/);
  return { status, restarts, said: terminal.result, tookMs: nowMs - 1_000 };
}

async function reload(situation: Situation): Promise<Pick<Outcome, "restarts" | "said">> {
  const { status, restarts, said } = await run(situation);
  expect(status).toBe(0);
  return { restarts, said };
}

describe("reload-credential restarts the service", () => {
  it.each<{ what: string; situation: Situation }>([
    { what: "for another connection string", situation: { contents: [`${newer}\n`] } },
    { what: "once for a file that is written in parts", situation: { contents: ["Host", older, newer, newer] } },
    {
      what: "when an agent that just starts has answered",
      situation: { contents: [newer], agent: [undefined, undefined, inUse(older)] },
    },
    {
      what: "when the last known good configuration runs with the same",
      situation: { contents: [older], agent: [inUse(older, true)] },
    },
    {
      what: "whose agent is of a release before and does not say which configuration runs",
      situation: { contents: [newer], agent: [{ connectionString: "0123" }] },
    },
  ])("$what", async ({ situation }) => {
    const { restarts, said } = await reload(situation);
    expect(restarts).toBe(1);
    expect(said).toContain("boardkeeper-agent.service is restarted");
  });

  it("again for a file that changes while it works", async () => {
    const { restarts } = await reload({
      contents: [newer, newer, `${newer}x`, older],
      agent: [inUse(older), inUse(newer)],
    });
    expect(restarts).toBe(2);
  });
});

describe("reload-credential leaves the agent alone", () => {
  it.each<{ what: string; situation: Situation; said: string }>([
    {
      what: "for the same content",
      situation: { contents: [`${older}\r\n`] },
      said: `The agent uses the connection string in ${path} already\n`,
    },
    {
      what: "for an emptied file",
      situation: { contents: [""] },
      said: `${path} cannot be used: connection string: it is empty; paste the whole connection string. The agent goes on with the connection string that it has. Store it again with: sudo boardkeeper-agent provision\n`,
    },
    {
      what: "for half a file",
      situation: { contents: [newer.slice(0, -3)] },
      said: `${path} cannot be used: connection string: SharedAccessKey is not base64: it may be cut off. The agent goes on with the connection string that it has. Store it again with: sudo boardkeeper-agent provision\n`,
    },
    {
      what: "for a file that is gone",
      situation: { contents: [undefined] },
      said: "There is no connection string on disk. The agent goes on with the connection string that it has. Store one with: sudo boardkeeper-agent provision\n",
    },
    {
      what: "that has it from the file of a setting",
      situation: { contents: [undefined], settingsFile: "/data/hub" },
      said: "systemd passes no connection string to the service, so the agent uses that in /data/hub (hub.connection-string-file), which is not watched. After a change there: sudo systemctl restart boardkeeper-agent.service\n",
    },
    {
      what: "where the service does not run",
      situation: { contents: [newer], agent: [undefined], isServiceUp: false },
      said: `The service does not run, so nothing was restarted: it reads ${path} when it starts\n`,
    },
    {
      what: "that does not answer, which reads it at its next start",
      situation: { contents: [newer], agent: [undefined] },
      said: `The agent does not answer, so nothing was restarted: it reads ${path} at its next start. See why: journalctl -u boardkeeper-agent.service\n`,
    },
  ])("$what", async ({ situation, said }) => {
    expect(await reload(situation)).toEqual({ restarts: 0, said });
  });
});

describe("reload-credential ends before its unit's time is up", () => {
  async function limitMs(): Promise<number> {
    const unit = await readFile("systemd/boardkeeper-credential.service", "utf8");
    return Number(/^TimeoutStartSec=(\d+)min$/m.exec(unit)?.[1]) * 60_000;
  }
  const hangs = { agent: [undefined], questionMs: 10_000 };

  it("where the agent hangs", async () => {
    const { status, said, tookMs } = await run({ ...hangs, contents: [newer] });
    expect(tookMs).toBeLessThan(await limitMs());
    expect({ status, said }).toMatchObject({ status: 0, said: expect.stringMatching(/^The agent does not answer/) });
  });

  it("where the agent hangs and the file changes meanwhile", async () => {
    const { said, tookMs } = await run({ ...hangs, contents: [newer, newer, older] });
    expect(tookMs).toBeLessThan(await limitMs());
    expect(said.match(/The agent does not answer/g)).toHaveLength(2);
  });

  it.each([
    ["without end", Array.from({ length: 10_000 }, (_, at) => `${newer}${at}`)],
    ["each time that it was read", Array.from({ length: 10_000 }, (_, at) => (at % 3 === 2 ? older : newer))],
  ])("where the file changes %s", async (_how, contents) => {
    const { status, said, tookMs } = await run({ ...hangs, contents });
    expect(tookMs).toBeLessThan(await limitMs());
    expect(status).toBe(1);
    expect(said).toMatch(/goes on changing.*When it is finished: sudo systemctl restart boardkeeper-agent\.service\n$/);
  });
});
