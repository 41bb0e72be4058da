import { networkInterfaces } from "node:os";
import { truncateUtf8 } from "../../contract/safe-text.ts";
import type { HardwareInfo } from "../../contract/snapshot.ts";

/*
 * A program of its own: prints the hardware of this board as JSON. systeminformation runs programs (lscpu, lsblk), and takes about 3 MiB
 * of memory, which the agent would keep.
 */

const maxListLength = 4;
const longestText = 60;

process.stdout.write(`${JSON.stringify(await probeHardware())}\n`);

async function probeHardware(): Promise<HardwareInfo> {
  // CommonJS: in a bundle in pieces it has no other export than its default.
  const { default: system } = await import("systeminformation");
  const { manufacturer, brand, cores } = await system.cpu();
  const devices = await system.blockDevices();
  return {
    cpu: bounded(`${manufacturer} ${brand}`),
    cores: cores > 0 ? cores : null,
    disks: devices
      .filter(({ type, size, name }) => type === "disk" && size > 0 && !/^(?:zram|ram|loop)/.test(name))
      .slice(0, maxListLength)
      .map(({ name, model, size }) => ({ name: bounded(name) ?? "", model: bounded(model) ?? "", sizeBytes: size })),
    interfaces: interfaces(),
  };
}

/** Interfaces that have an address now. Without the addresses: they change, and are private. */
function interfaces(): HardwareInfo["interfaces"] {
  return Object.entries(networkInterfaces())
    .flatMap(([name, addresses]) => {
      const outer = addresses?.find(({ internal }) => !internal);
      return outer === undefined ? [] : [{ name: bounded(name) ?? "", mac: outer.mac }];
    })
    .slice(0, maxListLength);
}

function bounded(text: string): string | null {
  const clean = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return clean === "" ? null : truncateUtf8(clean, longestText);
}
