import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultNames } from "../../../service-tools/local-hub/faults/catalog.ts";
import type { LocalHub } from "../../../service-tools/local-hub/options.ts";
import { runCli as typedAt } from "../../support/run-cli.ts";
import { testHub } from "../../support/local-hub.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

async function context(): Promise<LocalHub> {
  return testHub({ folder: join(await temporaryFolder(), "hub") });
}

async function typed(hub: LocalHub, line: string): ReturnType<typeof typedAt> {
  return typedAt(hub, `${line} --folder ${hub.folder}`);
}

describe("boardkeeper hub fault", () => {
  it("kinds tells every fault there is, and everything about one", async () => {
    const hub = await context();
    expect(Object.keys(JSON.parse((await typedAt(hub, "hub fault kinds -o json")).out))).toEqual(faultNames());
    expect((await typedAt(hub, "hub fault kinds latency")).out).toMatch(/delayMs +0 to 600000 +200/);
  });

  it("adds, lists and ends one", async () => {
    const hub = await context();
    const line = "hub fault add latency delayMs=5 direction=to-hub -d board-1 --on mqtt --times 2 --for 1m -o json";
    const { out, err } = await typed(hub, line);
    const parameters = { direction: "to-hub", delayMs: 5, jitterMs: 0 };
    const options = { deviceId: "board-1", on: ["mqtt"], times: 2, forMs: 60_000 };
    const fault = { id: "1", name: "latency", state: "on", struck: 0, parameters, options };
    expect(JSON.parse(out)).toEqual(fault);
    expect(err).toContain("hub fault clear 1");
    expect(JSON.parse((await typed(hub, "hub fault list -o json")).out)).toEqual([fault]);
    await typed(hub, "hub fault clear 1");
    expect(hub.faults.list().map(({ state }) => state)).toEqual(["over"]);
  });

  it.each(["refuse", "black-hole", "rest-stalled", "certificate"])("ends %s, which closed the way in", async (name) => {
    const hub = await context();
    expect((await typed(hub, `hub fault add ${name}`)).exitCode).toBe(0);
    expect((await typed(hub, "hub fault clear")).exitCode).toBe(0);
    expect((await typed(hub, "hub status")).exitCode).toBe(0);
    expect(hub.faults.list()).toEqual([]);
  });

  it.each([
    { line: "add flood", why: "Expected one of: refuse, " },
    { line: "add latency delayMs", why: "Expected parameter=value, got 'delayMs'." },
    { line: "add latency delayMs=soon", why: 'a whole number from 0 to 600000, not "soon"' },
    { line: "add reset --on air", why: "Allowed choices are mqtt, websockets, rest, images" },
    { line: "add reset --times 2", why: "it acts once" },
    { line: "clear 7", why: "There is no fault with the id '7'." },
  ])("refuses '$line'", async ({ line, why }) => {
    const { exitCode, err } = await typed(await context(), `hub fault ${line}`);
    expect(exitCode).toBe(2);
    expect(err).toContain(why);
  });
});
