import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { HistoryFile } from "../../../agent/board/fs/history-file.ts";
import { ChecksummedStateFile } from "../../../agent/board/fs/state-file.ts";
import { sectionAt, type JsonObject } from "../../../agent/contract/json.ts";
import { actionFor as rebootAction } from "../../../agent/reboot/machine.ts";
import { recoverReboot } from "../../../agent/reboot/recover.ts";
import { actionFor as updateAction } from "../../../agent/update/machine.ts";
import { recoverUpdate } from "../../../agent/update/recover.ts";
import { FakeBoard } from "../../support/fake-board.ts";
import { FakeHub } from "../../support/fake-hub.ts";
import { at } from "../../support/paths.ts";
import { desired, recordFiles } from "../../support/recorded-states.ts";
import { diskWith, filesIn, loadState, outcomesOf, statesIn, takeUp } from "../../support/take-up.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { digest } from "../../support/updates.ts";

/*
 * States that an earlier release has saved, as after an upgrade, and today's in the hands of that release, as after a rollback.
 * scripts/record-states has recorded them, what that release makes of them, and its reader.
 */

/** What a release reads and decides with, at its start. */
interface Reader {
  readonly ChecksummedStateFile: typeof ChecksummedStateFile;
  readonly HistoryFile: typeof HistoryFile;
  readonly recoverUpdate: typeof recoverUpdate;
  readonly updateAction: typeof updateAction;
  readonly recoverReboot: typeof recoverReboot;
  readonly rebootAction: typeof rebootAction;
}

const today: Reader = { ChecksummedStateFile, HistoryFile, recoverUpdate, updateAction, recoverReboot, rebootAction };
const folder = "test/fixtures/saved-states/5e57672";
const fixture = (name: string): string => join(folder, name);
const text = (name: string): Promise<string> => readFile(fixture(name), "utf8");

/** For each phase in which a board can rest: what the twin says in the formats of the tutorials. */
const words: Readonly<Record<string, readonly string[]>> = {
  idle: ["standBy", "waiting", "current"],
  staged: ["downloading", "downloadComplete", "verifying"],
  completed: ["completed", "applyComplete", "current"],
  failed: ["standBy", "applyFailed", "error"],
  "failed unreachable": ["standBy", "downloadFailed", "error"],
  rolledBack: ["standBy", "applyFailed", "rolledback"],
  cancelled: ["standBy", "waiting", "current"],
};

describe("an upgrade", () => {
  it("each phase of an update and a reboot goes on as in the release that saved it", async () => {
    expect(await outcomesOf(await filesIn(folder))).toBe(await text("outcomes.md"));
  });

  it.each(["completed", "staged-manual", "failed-unreachable", "failed-installer-failed", "cancelled", "refused-idle"])(
    "the twin says %s in all its formats",
    async (name) => {
      const found = await loadState(await text(`update-${name}.reboot-idle.json`));
      const { reported, status, saved } = await takeUp(found, "agent");
      const { phase } = saved.update;
      const refused = saved.handledDesired?.refused ?? null;
      const expected = words[name === "failed-unreachable" ? "failed unreachable" : phase] ?? [];
      expect([
        reported["firmwareStatus"],
        at(reported, "iothubDM.firmwareUpdate.status"),
        at(reported, "firmware.fwUpdateStatus"),
      ]).toStrictEqual(refused === null ? expected : [expected[0], expected[1], "error"]);
      for (const key of ["update", "reboot", "config"] as const)
        expect(reported["boardkeeper"]).toMatchObject(present({ [key]: status[key] ?? null }));
    },
  );

  it("a call that is repeated gets its first answer, whichever image it names: that was not saved", async () => {
    const board = await boardOn("update-completed.reboot-idle");
    const again = { fwPackageUri: "https://images.example/", fwPackageCheckValue: digest, fwVersion: "2.0.0" };
    const { status, payload } = await board.ask("firmwareUpdate", { ...again, operationId: "update-1" });
    expect([status, payload["repeated"]]).toStrictEqual([200, true]);
  });

  it("a declared update whose document is gone meanwhile is cancelled", async () => {
    const board = await boardOn("update-declared-accepted.reboot-idle");
    await board.time.advance(60_000);
    expect(board.saved?.update.phase).toBe("cancelled");
  });

  it.each([
    ["accepted.reboot-idle", "goes on"],
    ["downloading.reboot-idle", "goes on"],
    ["failed-unreachable.reboot-idle", "starts again"],
    ["completed.reboot-proven-update", "stays ended"],
  ])("a declared update that is %s, whose document has another address meanwhile, %s", async (name, what) => {
    const found = await loadState(await text(`update-declared-${name}.json`));
    const board = await boardOn(`update-declared-${name}`, withOtherAddress);
    await board.time.advance(10 * 60_000);
    const before = "job" in found.update ? found.update.job.operationId : "";
    const { update, handledDesired } = board.saved ?? found;
    expect(update.phase).toBe("completed");
    expect("job" in update && update.job.operationId === before).toBe(what !== "starts again");
    expect(board.fetches.at(-1)).toStrictEqual(
      what === "stays ended" ? undefined : ["https://other.example/board.img"],
    );
    expect(handledDesired?.operation).toMatchObject({ version: "2.0.0", sha256: digest });
  });

  it("the history stays", async () => {
    const own = await temporaryFolder();
    await copyFile(fixture("history.json"), join(own, "history.json"));
    const outcomes = (await new HistoryFile(own).read()).map(({ kind, outcome }) => `${kind} ${outcome}`);
    expect([...new Set(outcomes)].sort()).toStrictEqual([
      "reboot cancelled",
      "reboot failed",
      "reboot proven",
      "update cancelled",
      "update completed",
      "update failed",
      "update rolledBack",
    ]);
  });
});

describe("a rollback", () => {
  it("the release before knows a document by what today's agent saves of it", async () => {
    const states = new Map(statesIn(await recordFiles()));
    const names = [...states.keys()].filter((name) => name.startsWith("update-declared-"));
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      const [own, theirs] = [await loadState(states.get(name) ?? ""), await loadState(await text(name))];
      expect([name, own.handledDesired?.identity]).toStrictEqual([name, theirs.handledDesired?.identity]);
    }
  });

  it("the release before reads each state, and wants to do the same next", async () => {
    const before = (await import(pathToFileURL(fixture("reader.mjs")).href)) as Reader;
    const files = await recordFiles();
    const states = statesIn(files);
    expect(states.length).toBeGreaterThan(60);
    for (const [name, state] of states) {
      for (const bootId of [(await loadState(state)).bootId, "another-boot"])
        expect({ name, ...(await startOn(before, state, bootId)) }).toStrictEqual({
          name,
          ...(await startOn(today, state, bootId)),
        });
    }
    const own = await temporaryFolder();
    await writeFile(join(own, "history.json"), files.get("history.json") ?? "");
    expect(await new before.HistoryFile(own).read()).toStrictEqual(await new HistoryFile(own).read());
  });
});

const withOtherAddress: JsonObject = {
  ...desired,
  firmware: { ...sectionAt(desired, "firmware"), fwPackageURI: "https://other.example/board.img", mirrors: null },
};

/** A board that starts, in the same boot, on a recorded state, at a hub without a desired document, or with this one. */
async function boardOn(name: string, declared: JsonObject = {}): Promise<FakeBoard> {
  const hub = new FakeHub();
  hub.setDesired(declared);
  const board = new FakeBoard(hub);
  board.saved = await loadState(await text(`${name}.json`));
  board.boots = Number(board.saved.bootId.replace("boot-", "")) - 1;
  await board.powerOn();
  return board;
}

/** What a release reads from a state file, and what it would do next in this boot. */
async function startOn(release: Reader, state: string, bootId: string): Promise<JsonObject> {
  const { saved, loadQuality, problems } = await new release.ChecksummedStateFile("/", diskWith(state)).load();
  if (saved === undefined) return { problems: [...problems] };
  const facts = { bootId, savedBootId: saved.bootId, isOlderCopy: false };
  const update = release.recoverUpdate(saved.update, {
    ...facts,
    at: "2026-01-02T03:30:00.000Z",
    runningVersion: "2.0.0",
    trialBoots: 1,
  });
  const reboot = release.recoverReboot(saved.reboot, { ...facts, nowBootMs: 0 });
  return {
    loadQuality,
    problems: [...problems],
    phases: [update.phase, reboot.phase],
    actions: [release.updateAction(update)?.kind ?? null, release.rebootAction(reboot)?.kind ?? null],
  };
}

/** As a twin holds it: null means that there is no such key. */
function present(value: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(value, (_key, one: unknown) => one ?? undefined));
}
