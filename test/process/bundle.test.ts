import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { HardwareInfo } from "../../agent/contract/snapshot.ts";
import { ended } from "../support/agent-command.ts";
import { testHub } from "../support/local-hub.ts";
import { at } from "../support/paths.ts";
import { boardProcess } from "../support/processes.ts";
import { ServiceApp } from "../support/service-app.ts";

const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, "../..");

/** What esbuild writes about the files of a bundle; an input or an import is named by its path. */
interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      { readonly inputs: Readonly<Record<string, unknown>>; readonly imports: readonly { path: string }[] }
    >
  >;
}

/** The functions of a namespace that a source calls: `_.merge(` or `lodash_1.merge(`. */
function called(source: string, namespace: string): string[] {
  return [...source.matchAll(new RegExp(String.raw`(?<![\w.$])${namespace}\.(\w+)\s*\(`, "g"))].map(
    ([, name = ""]) => name,
  );
}

/** The files of a package's code, without the packages within it. */
async function sourcesOf(folder: string): Promise<string[]> {
  const files = await readdir(join(root, folder), { recursive: true });
  const code = files.filter((file) => file.endsWith(".js") && !file.includes("node_modules"));
  return await Promise.all(code.map((file) => readFile(join(root, folder, file), "utf8")));
}

describe("the bundle of the agent, with lighter stand-ins for what the SDK loads", () => {
  it.each(["mqtt", "mqtt-ws"])("carries an update over %s", async (transport) => {
    const hub = await testHub();
    const board = await boardProcess(hub, "board-1", {
      BOARDKEEPER_HUB_TRANSPORT: transport,
      BOARDKEEPER_HUB_WEBSOCKET_PORT: String(hub.ports.https),
    });
    board.start();
    const service = new ServiceApp(hub);
    const request = { fwPackageUri: "https://unused.example/x", fwVersion: "2.0.0", operationId: "op-1" };
    expect(await service.callMethod("firmwareUpdate", request)).toMatchObject({ status: 200 });
    const reported = await service.untilReported("boardkeeper.update.phase", "completed");
    expect(at(reported, "boardkeeper.update.operationId")).toBe("op-1");
  });

  it("has every function of lodash that they call", async () => {
    const sources = [
      ...(await sourcesOf("node_modules/machina/lib")),
      ...(await sourcesOf("node_modules/azure-iot-device/dist")),
    ];
    const names = new Set(
      sources.filter((source) => /require\(["']lodash["']\)/.test(source)).flatMap((source) => called(source, "_")),
    );
    const standIn = require("../../agent/stubs/bundle/lodash.cjs") as Record<string, unknown>;
    expect(names.size).toBeGreaterThan(10);
    expect([...names].filter((name) => typeof standIn[name] !== "function")).toStrictEqual([]);
  });

  it("has what mqtt.js calls of ws, and passes it on", async () => {
    const sources = await sourcesOf("node_modules/azure-iot-mqtt-base/node_modules/mqtt/lib");
    const users = sources.filter((source) => /require\('ws'\)/.test(source));
    expect(new Set(users.flatMap((source) => called(source, "WS")))).toStrictEqual(new Set(["createWebSocketStream"]));
  });
});

describe("the hardware probe", () => {
  it("prints what this machine is made of, bounded, and without what changes", async () => {
    const { status, out } = await ended([process.execPath, "dist/agent/hardware-probe.mjs"]);
    const found = JSON.parse(out) as HardwareInfo;
    expect({ status, keys: Object.keys(found) }).toStrictEqual({
      status: 0,
      keys: ["cpu", "cores", "disks", "interfaces"],
    });
    for (const list of [found.disks, found.interfaces]) expect(list.length).toBeLessThanOrEqual(4);
    for (const { sizeBytes, name } of found.disks) {
      expect(sizeBytes).toBeGreaterThan(0);
      expect(name).not.toMatch(/^(zram|ram|loop|\s*$)/);
    }
    for (const { mac } of found.interfaces) expect(mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    expect(Buffer.byteLength(JSON.stringify(found))).toBeLessThan(2_000);
  });

  it("alone loads systeminformation: the agent never does, not even later", async () => {
    const files = ["dist/boardkeeper-agent.json", "dist/hardware-probe.json"];
    const metafiles = await Promise.all(
      files.map(async (file) => JSON.parse(await readFile(file, "utf8")) as Metafile),
    );
    const outputs: Metafile["outputs"] = Object.assign({}, ...metafiles.map((one) => one.outputs));
    const filesOf = (name: string, seen = new Set<string>()): Set<string> => {
      if (seen.has(name) || outputs[name] === undefined) return seen;
      seen.add(name);
      for (const { path } of outputs[name].imports) filesOf(path, seen);
      return seen;
    };
    const loads = (entry: string): boolean =>
      [...filesOf(entry)].some((file) =>
        Object.keys(outputs[file]?.inputs ?? {}).some((input) => input.includes("node_modules/systeminformation/")),
      );
    expect([loads("dist/esm/agent/main.cjs"), loads("dist/agent/hardware-probe.mjs")]).toStrictEqual([false, true]);
  });
});
