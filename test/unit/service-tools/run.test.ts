import { describe, expect, it } from "vitest";
import type { Json } from "../../../agent/contract/json.ts";
import { DeviceOffline, HubUnreachable } from "../../../service-tools/cli/errors.ts";
import { runCommandLine } from "../../../service-tools/run.ts";
import { FakeContext } from "../../support/fake-context.ts";

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

describe("an error, for programs", () => {
  it.each<[string, Json | Error, object]>([
    [
      "the board says no",
      { Response: "No.", error: { code: "inhibited", message: "No." } },
      { code: "refused-by-device", status: 409, payload: { Response: "No." }, advice: expect.any(String) as string },
    ],
    ["the board is offline", new DeviceOffline("Offline."), { code: "device-offline", message: "Offline." }],
    [
      "the hub is lost",
      new HubUnreachable("Lost.", { mayHaveArrived: true }),
      { code: "hub-unreachable", mayHaveArrived: true },
    ],
    ["something else breaks", new Error("it broke"), { code: "operation-failed", message: "it broke" }],
  ])("is one document: %s", async (_what, answer, error) => {
    const context = new FakeContext();
    context.hub.reply = answer instanceof Error ? answer : { status: 409, payload: answer };
    await ran(context, "reboot -d board-1 -o json");
    expect(JSON.parse(context.out.text)).toMatchObject({ error });
  });

  it.each([
    "reboot -o json",
    "reboot -o=json",
    "frobnicate --output json",
    "hub --output=json",
    "status -ojson -d a/b",
  ])("is one document for an invalid command line, too: %s", async (line) => {
    const context = new FakeContext();
    expect(await ran(context, line)).toBe(2);
    expect(JSON.parse(context.out.text)).toEqual({
      error: { code: "usage", message: expect.stringMatching(/^[^(]/) as string },
    });
  });
});
