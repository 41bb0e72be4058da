import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BootCounterFile } from "../../../agent/board/fs/boot-counter-file.ts";
import { HistoryFile } from "../../../agent/board/fs/history-file.ts";
import { ChecksummedStateFile } from "../../../agent/board/fs/state-file.ts";
import { loadHardwareInfo, saveHardwareInfo } from "../../../agent/board/hardware/hardware-info.ts";
import { readBoard, writeBoard } from "../../../agent/board/simulator/board.ts";
import { parseLastKnownGood, serializeLastKnownGood } from "../../../agent/config/last-known-good-format.ts";
import { check } from "../../../agent/contract/check.ts";
import { partialMetadata } from "../../../agent/download/partial-metadata.ts";
import { writeHistory } from "../../../agent/operations/history.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/*
 * After a rollback an older release reads what a newer one has saved. test/fixtures/persisted holds the files as the first
 * package wrote them; each is read here, and written again to the letter. A change of a fixture breaks boards in the field.
 */

const fixture = (name: string): string => join("test/fixtures/persisted", name);
const text = (path: string): Promise<string> => readFile(path, "utf8");

it("the agent state", async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture("state.json"), join(folder, "state.json"));
  const { saved, loadQuality, problems } = await new ChecksummedStateFile(folder).load();
  expect({ loadQuality, problems }).toStrictEqual({ loadQuality: "latest", problems: [] });
  expect(saved).toMatchObject({
    schema: 1,
    update: { phase: "staged", job: { version: "1.3.0", apply: "manual" } },
    reboot: { phase: "proven", last: { cause: "update" } },
    lastProven: { version: "1.2.0" },
    remote: { applied: { agent: { "log-level": "debug" } } },
  });
  if (saved === undefined) throw new Error("The fixture is not a saved state.");
  const again = await temporaryFolder();
  await new ChecksummedStateFile(again).save(saved);
  expect(await text(join(again, "state.json"))).toBe(await text(fixture("state.json")));
});

it("the boot counter", async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture("trials"), join(folder, "trials"));
  const counter = new BootCounterFile(folder);
  expect(await counter.read()).toBe(1);
  await counter.write(1);
  expect(await text(join(folder, "trials"))).toBe(await text(fixture("trials")));
});

it("the history", async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture("history.json"), join(folder, "history.json"));
  const entries = await new HistoryFile(folder).read();
  expect(entries.map(({ kind, outcome }) => `${kind} ${outcome}`)).toStrictEqual([
    "reboot proven",
    "reboot proven",
    "update completed",
  ]);
  expect(JSON.parse(writeHistory(entries))).toStrictEqual(JSON.parse(await text(fixture("history.json"))));
});

it("the hardware info", async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture("equipment.json"), join(folder, "equipment.json"));
  const known = await loadHardwareInfo(folder);
  expect(known).toMatchObject({ equipment: { cores: 2, disks: [{ name: "vda" }] } });
  if (known === undefined) throw new Error("The fixture is not a hardware info.");
  await saveHardwareInfo(folder, known.bootId, known.equipment);
  expect(await text(join(folder, "equipment.json"))).toBe(await text(fixture("equipment.json")));
});

it("the record beside a partial image", async () => {
  const record: unknown = JSON.parse(await text(fixture("partial.json")));
  expect(check(partialMetadata, record)).toStrictEqual({ ok: true, value: record });
});

it("the last known good configuration", async () => {
  const given = { configFile: undefined, simulate: true, deviceId: "board-1", moduleId: undefined };
  const written = await text(fixture("config.last-good.json"));
  const read = parseLastKnownGood(written, given);
  if (!read.ok) throw new Error(read.problems.join());
  expect(read.value.values).toMatchObject({ "update.installer": "simulated", "update.healthy-for-seconds": 1 });
  const { version: _, given: __, ...good } = read.value;
  expect(JSON.parse(serializeLastKnownGood(given, good))).toStrictEqual(JSON.parse(written));
});

it("the simulated board", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "board"));
  const path = join(folder, "board", "board.json");
  await copyFile(fixture("board.json"), path);
  const board = await readBoard(path);
  expect(board).toMatchObject({ running: "b", trial: null, slots: { a: "1.0.0", b: "1.2.0" } });
  if (board === undefined) throw new Error("The fixture is not a board.");
  await writeBoard(path, board);
  expect(JSON.parse(await text(path))).toStrictEqual(JSON.parse(await text(fixture("board.json"))));
});
