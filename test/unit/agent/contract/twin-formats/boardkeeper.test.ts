import { expect, it } from "vitest";
import { formatBoardkeeper } from "../../../../../agent/contract/twin-formats/boardkeeper.ts";
import { snapshotWith } from "../../../../support/snapshots.ts";

const { board } = snapshotWith();

it("names the hardware, each disk and each network interface", () => {
  const equipment = {
    cpu: "Cortex-A72",
    cores: 4,
    disks: [{ name: "mmcblk0", model: "SD32G", sizeBytes: 31_268_536_320 }],
    interfaces: [{ name: "eth0", mac: "dc:a6:32:00:00:01" }],
  };
  expect(formatBoardkeeper(snapshotWith({}, { board: { ...board, equipment } }))["board"]).toStrictEqual({
    ...board,
    equipment,
  });
});

it("says that it knows no hardware", () => {
  expect(formatBoardkeeper(snapshotWith())["board"]).toStrictEqual({ ...board, equipment: null });
});

it.each([
  ["applied", { version: 4, status: "applied", error: null }],
  ["refused", { version: 5, status: "refused", error: { code: "bad-request", message: "health.every-seconds: no." } }],
] as const)("answers a configuration that was %s", (_status, config) => {
  expect(formatBoardkeeper(snapshotWith({}, { config }))["config"]).toStrictEqual(config);
});

it("answers no configuration where the hub sets none", () => {
  expect(formatBoardkeeper(snapshotWith())["config"]).toBeNull();
});
