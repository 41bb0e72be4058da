import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { probePowerSupply } from "../../../../agent/board/hardware/power-supply.ts";
import { readMetrics } from "../../../../agent/board/hardware/read-metrics.ts";
import { parsePowerSupply, parseWearPercent } from "../../../../agent/telemetry/metrics.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

async function files(contents: Record<string, string>): Promise<string> {
  const root = await temporaryFolder();
  for (const [name, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

const silent = { throttled: null, lowVoltage: null };
const quietPower = { underVoltage: false, throttled: false, underVoltageSinceBoot: false, throttledSinceBoot: false };

describe("how a board is", () => {
  it("is read from the files of the kernel", async () => {
    const root = await files({
      "sys/class/thermal/thermal_zone0/temp": "48312\n",
      "sys/class/thermal/thermal_zone1/temp": "51250\n",
      "sys/class/thermal/thermal_zone2/temp": "-274000\n",
      "sys/class/thermal/cooling_device0/temp": "99000\n",
      "sys/block/mmcblk0/device/life_time": "0x03 0x01\n",
      "sys/block/mmcblk0boot0/device/life_time": "0x0b 0x0b\n",
      "sys/block/sda/size": "1\n",
      "proc/meminfo": "MemTotal:        3884480 kB\nMemFree:          1 kB\nMemAvailable:    3000000 kB\n",
      "proc/loadavg": "0.25 0.10 0.05 1/100 4242\n",
      "proc/uptime": "12345.67 54321.00\n",
    });
    const power = (): ReturnType<typeof probePowerSupply> => Promise.resolve({ throttled: 0x50000, lowVoltage: null });
    expect(await readMetrics({ root, folder: root, power })).toStrictEqual({
      cpuCelsius: 51.3,
      power: { ...quietPower, underVoltageSinceBoot: true, throttledSinceBoot: true },
      memory: { totalBytes: 3_884_480 * 1024, availableBytes: 3_000_000 * 1024 },
      disk: { totalBytes: expect.any(Number) as number, freeBytes: expect.any(Number) as number },
      storageWornPercent: 30,
      load: 0.25,
      uptimeSeconds: 12_345,
      agentBytes: expect.any(Number) as number,
    });
  });

  it("is not known of what the board does not have", async () => {
    const root = await files({ "sys/class/thermal/thermal_zone0/temp": "broken\n", "sys/block/mmcblk0/size": "1\n" });
    const read = await readMetrics({ root, folder: join(root, "gone"), power: () => Promise.resolve(silent) });
    const { agentBytes: _own, ...others } = read;
    expect(new Set(Object.values(others))).toStrictEqual(new Set([null]));
  });

  it.each<[string, number | null, boolean | null, object | null]>([
    ["nobody can be asked", null, null, null],
    ["all is well", 0, null, quietPower],
    [
      "voltage is low, and was",
      0x50005,
      null,
      { underVoltage: true, throttled: true, underVoltageSinceBoot: true, throttledSinceBoot: true },
    ],
    ["it is capped", 0x2, null, { ...quietPower, throttled: true }],
    ["it is hot, and was", 0x80008, null, { ...quietPower, throttled: true, throttledSinceBoot: true }],
    [
      "the kernel says that voltage is low",
      null,
      true,
      { ...quietPower, underVoltage: true, underVoltageSinceBoot: true },
    ],
    ["the kernel says that all is well", null, false, quietPower],
  ])("of its supply, where %s", (_what, bits, alarm, expected) => {
    expect(parsePowerSupply(bits, alarm)).toStrictEqual(expected);
  });

  it.each<[string, number | null]>([
    ["0x01 0x02\n", 20],
    ["0x0b 0x01\n", 110],
    ["0x00 0x00\n", null],
    ["0x00 0x05", 50],
    ["", null],
    ["nonsense", null],
  ])("of its eMMC, which says %j", (lifeTime, percent) => {
    expect(parseWearPercent(lifeTime)).toBe(percent);
  });
});

it.each<[string, string | undefined, number | null]>([
  ["the file of its kernel", "50005\n", 0x50005],
  ["that file, written otherwise", "0x50000\n", 0x50000],
  ["no such file", undefined, null],
  ["a file that holds something else", "throttled\n", null],
])("the supply of a Raspberry Pi is read from %s", async (_what, content, throttled) => {
  const root = await files(content === undefined ? {} : { get_throttled: content });
  expect(await probePowerSupply(join(root, "hwmon"), join(root, "get_throttled"))).toStrictEqual({
    throttled,
    lowVoltage: null,
  });
});
