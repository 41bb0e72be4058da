import { describe, expect, it } from "vitest";
import { createLog } from "../../../../agent/lib/log.ts";
import { Alerts } from "../../../../agent/lib/alerts.ts";
import { DiskReserve } from "../../../../agent/state/disk-reserve.ts";
import { FakeTime } from "../../../support/fake-time.ts";
import { fakeRuntime } from "../../../support/fake-runtime.ts";

const error = (code: string): Error => Object.assign(new Error(code), { code });

/** A disk that others have filled: it takes nothing but what the reserve gives free. */
function setup() {
  const disk = { isFull: true, isReserveThere: true, restocks: 0, written: [] as string[] };
  const time = new FakeTime();
  const alerts = new Alerts([]);
  const lines: { msg: string }[] = [];
  const reserved = new DiskReserve({
    reserve: {
      release: async () => void (disk.isReserveThere = false),
      refill: async () => {
        disk.restocks += 1;
        if (disk.isReserveThere) return;
        if (disk.isFull) throw error("ENOSPC");
        disk.isReserveThere = true;
      },
    },
    ...fakeRuntime({
      time,
      log: createLog("info", { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) }),
    }),
    alerts,
    stopping: new AbortController().signal,
  });
  const write = async (what: string): Promise<void> => {
    if (disk.isFull && disk.isReserveThere) throw error("ENOSPC");
    disk.written.push(what);
  };
  return { disk, time, alerts, lines, reserved, write };
}

describe("the disk reserve", () => {
  it("makes room for a write on a full disk, and raises an alert", async () => {
    const { disk, reserved, alerts, write } = setup();
    await reserved.start();
    expect(alerts.messages).toStrictEqual([]);
    await reserved.withReserve(() => write("state"));
    expect(disk.written).toStrictEqual(["state"]);
    expect(alerts.messages).toStrictEqual([
      "The disk reserve for the agent's state is not filled: the disk is full (ENOSPC). Free some space on it.",
    ]);
  });

  it("is filled again when there is space, with at most one attempt a minute", async () => {
    const { disk, time, reserved, alerts, lines, write } = setup();
    await reserved.withReserve(() => write("state"));
    await time.advance(3_600_000);
    expect(disk.restocks).toBe(60);
    disk.isFull = false;
    await time.advance(60_000);
    expect([disk.isReserveThere, alerts.messages]).toStrictEqual([true, []]);
    await time.advance(3_600_000);
    expect([disk.restocks, time.sleepers]).toStrictEqual([61, 0]);
    expect(lines.map(({ msg }) => msg)).toStrictEqual(["disk reserve not filled", "disk reserve filled again"]);
  });

  it("is not released for other errors than a full disk", async () => {
    const { disk, reserved } = setup();
    await expect(reserved.withReserve(() => Promise.reject(error("EROFS")))).rejects.toMatchObject({ code: "EROFS" });
    expect(disk.isReserveThere).toBe(true);
  });

  it("rejects when the released space is not enough", async () => {
    const { reserved, time } = setup();
    await expect(reserved.withReserve(() => Promise.reject(error("ENOSPC")))).rejects.toMatchObject({ code: "ENOSPC" });
    expect(time.sleepers).toBe(1);
  });

  it("says at the start that there is none to be had", async () => {
    const { disk, reserved, alerts } = setup();
    disk.isReserveThere = false;
    await reserved.start();
    expect(alerts.messages).toHaveLength(1);
  });
});
