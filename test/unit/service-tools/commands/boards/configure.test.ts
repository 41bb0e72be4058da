import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../agent/contract/json.ts";
import { HubUnreachable } from "../../../../../service-tools/cli/errors.ts";
import { runCommandLine } from "../../../../../service-tools/run.ts";
import { FakeContext } from "../../../../support/fake-context.ts";

/** A twin with a desired section, and the board's answer to it. */
function twin(section: JsonObject | null, version: number, config: JsonObject | null): JsonObject {
  const desired = { $version: version, ...(section === null ? {} : { boardkeeper: section }) };
  const reported = { boardkeeper: { agent: { version: "1" }, ...(config === null ? {} : { config }) } };
  return { deviceId: "board-1", properties: { desired, reported } };
}

const debug = { agent: { "log-level": "debug" } };
const error = { code: "bad-request", message: "agent.log-level: expected less noise." };

async function ran(context: FakeContext, ...words: string[]): Promise<number> {
  const running = runCommandLine(["configure", "-d", "board-1", ...words], context);
  await context.time.advance(60_000);
  return await running;
}

describe("boardkeeper configure", () => {
  it("declares settings, and says how to see the answer", async () => {
    const context = new FakeContext();
    context.hub.twins = [twin(debug, 4, null)];
    expect(await ran(context, "agent.log-level=debug", "health.every-seconds=")).toBe(0);
    const boardkeeper = { agent: { "log-level": "debug" }, health: { "every-seconds": null } };
    expect(context.hub.patches).toStrictEqual([{ desired: { boardkeeper } }]);
    expect(context.out.text).toBe("Configuration declared for board-1 in its desired properties, version 4\n");
    expect(context.err.text).toContain("boardkeeper configure -d board-1");
  });

  it("removes everything first with --reset", async () => {
    const context = new FakeContext();
    expect(await ran(context, "--reset", "agent.log-level=debug")).toBe(0);
    expect(context.hub.patches).toStrictEqual([
      { desired: { boardkeeper: null } },
      { desired: { boardkeeper: debug } },
    ]);
  });

  it("waits for the answer to this very version, past a hub that is away", async () => {
    const context = new FakeContext();
    const away = new HubUnreachable("No route.", { mayHaveArrived: false });
    const old = { version: 3, status: "refused", error };
    context.hub.twins = [
      twin(debug, 4, old),
      away,
      twin(debug, 4, old),
      twin(debug, 4, { version: 4, status: "applied" }),
    ];
    expect(await ran(context, "agent.log-level=debug", "--wait")).toBe(0);
    expect(context.out.text).toBe("board-1 has applied configuration version 4.\n");
  });

  it("does not take an answer of the device's former life, with a higher version, for the new one", async () => {
    const context = new FakeContext();
    const old = { version: 9, status: "refused", error };
    context.hub.twins = [twin(debug, 4, old), twin(debug, 4, old), twin(debug, 4, { version: 4, status: "applied" })];
    expect(await ran(context, "agent.log-level=debug", "--wait")).toBe(0);
    expect(context.out.text).toBe("board-1 has applied configuration version 4.\n");
  });

  it("takes the answer to a document that has replaced this one since", async () => {
    const context = new FakeContext();
    context.hub.twins = [twin(debug, 4, null), twin(debug, 5, { version: 5, status: "applied" })];
    expect(await ran(context, "agent.log-level=debug", "--wait")).toBe(0);
  });

  it("waits until the answer is gone when everything is removed", async () => {
    const context = new FakeContext();
    context.hub.twins = [
      twin(null, 5, { version: 4, status: "applied" }),
      twin(null, 5, { version: 4, status: "applied" }),
      twin(null, 5, null),
    ];
    expect(await ran(context, "--reset", "--wait")).toBe(0);
    expect(context.out.text).toBe("board-1 uses its own configuration.\n");
  });

  it("ends with 6 when the board refuses, with the reason", async () => {
    const context = new FakeContext();
    context.hub.twins = [twin(debug, 4, { version: 4, status: "refused", error })];
    expect(await ran(context, "agent.log-level=loud", "--wait")).toBe(6);
    expect(context.err.text).toContain("board-1 refused the configuration: agent.log-level: expected less noise.");
    expect(context.err.text).toContain("What was applied before stays in force.");
  });

  it("asks the board itself before it gives up: its twin may be full", async () => {
    const context = new FakeContext();
    context.hub.twins = [twin(debug, 4, null)];
    const config = { version: 4, status: "applied" };
    const link = { up: true, reporting: { state: "refused", message: "The twin is full." } };
    context.hub.reply = { status: 200, payload: { update: {}, reboot: {}, config, link } };
    expect(await ran(context, "agent.log-level=debug", "--wait", "--timeout", "10s")).toBe(0);
    context.hub.reply = { status: 200, payload: { update: {}, reboot: {}, config: { ...config, version: 3 }, link } };
    expect(await ran(context, "agent.log-level=debug", "--wait", "--timeout", "10s")).toBe(5);
    expect(context.err.text).toContain("board-1 did not answer within 10 s. The twin is full.");
  });

  it("ends after the timeout, and says what to do", async () => {
    const context = new FakeContext();
    context.hub.twins = [twin(debug, 4, null)];
    expect(await ran(context, "agent.log-level=debug", "--wait", "--timeout", "10s")).toBe(5);
    expect(context.err.text).toContain("board-1 did not answer within 10 s.");
  });

  it.each<[string, JsonObject, string]>([
    ["nothing", twin(null, 1, null), "Nothing is set over the hub: board-1 uses its own configuration.\n"],
    [
      "what was applied",
      twin(debug, 4, { version: 4, status: "applied" }),
      `${JSON.stringify(debug, null, 2)}\nboard-1 has applied configuration version 4.\n`,
    ],
    [
      "what was refused",
      twin(debug, 4, { version: 4, status: "refused", error }),
      `${JSON.stringify(debug, null, 2)}\nboard-1 has refused configuration version 4 (bad-request): ${error.message}\n`,
    ],
    [
      "what nobody has read",
      twin(debug, 4, null),
      `${JSON.stringify(debug, null, 2)}\nboard-1 has not answered yet.\n`,
    ],
  ])("without settings, prints %s", async (_what, present, text) => {
    const context = new FakeContext();
    context.hub.twins = [present];
    expect(await ran(context)).toBe(0);
    expect(context.hub.patches).toStrictEqual([]);
    expect(context.out.text).toBe(text);
  });

  it("gives programs the document", async () => {
    const context = new FakeContext();
    context.hub.twins = [twin(debug, 4, { version: 4, status: "applied" })];
    expect(await ran(context, "-o", "json")).toBe(0);
    expect(JSON.parse(context.out.text)).toStrictEqual({
      deviceId: "board-1",
      moduleId: null,
      desired: debug,
      desiredVersion: 4,
      answer: { version: 4, status: "applied", error: null },
      message: "board-1 has applied configuration version 4.",
    });
  });

  it.each([[["debug"]], [["--wait"]]])("asks for a setting: %j", async (words) => {
    const context = new FakeContext();
    expect(await ran(context, ...words)).toBe(2);
    expect(context.err.text).toContain("Expected");
    expect(context.hub.patches).toStrictEqual([]);
  });
});
