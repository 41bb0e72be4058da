import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../agent/contract/json.ts";
import { HubUnreachable } from "../../../../../service-tools/cli/errors.ts";
import { run } from "../../../../../service-tools/cli/run.ts";
import { FakeWorld } from "../../../../support/world.ts";

/** A twin with a desired section, and the board's answer to it. */
function twin(section: JsonObject | null, version: number, config: JsonObject | null): JsonObject {
  const desired = { $version: version, ...(section === null ? {} : { boardkeeper: section }) };
  const reported = { boardkeeper: { agent: { version: "1" }, ...(config === null ? {} : { config }) } };
  return { deviceId: "board-1", properties: { desired, reported } };
}

const debug = { agent: { "log-level": "debug" } };
const error = { code: "bad-request", message: "agent.log-level: expected less noise." };

async function ran(world: FakeWorld, ...words: string[]): Promise<number> {
  const running = run(["configure", "-d", "board-1", ...words], world);
  await world.time.advance(60_000);
  return await running;
}

describe("boardkeeper configure", () => {
  it("declares settings, and says where the answer will be", async () => {
    const world = new FakeWorld();
    world.hub.twins = [twin(debug, 4, null)];
    expect(await ran(world, "agent.log-level=debug", "health.every-seconds=")).toBe(0);
    const boardkeeper = { agent: { "log-level": "debug" }, health: { "every-seconds": null } };
    expect(world.hub.patches).toStrictEqual([{ desired: { boardkeeper } }]);
    expect(world.out.text).toBe("Configuration declared for board-1 in its desired properties, version 4\n");
    expect(world.err.text).toContain("boardkeeper configure -d board-1");
  });

  it("takes everything away first where that is asked for", async () => {
    const world = new FakeWorld();
    expect(await ran(world, "--reset", "agent.log-level=debug")).toBe(0);
    expect(world.hub.patches).toStrictEqual([{ desired: { boardkeeper: null } }, { desired: { boardkeeper: debug } }]);
  });

  it("waits for the answer to this very version, past a hub that is away", async () => {
    const world = new FakeWorld();
    const away = new HubUnreachable("No route.", { mayHaveArrived: false });
    const old = { version: 3, status: "refused", error };
    world.hub.twins = [
      twin(debug, 4, old),
      away,
      twin(debug, 4, old),
      twin(debug, 4, { version: 4, status: "applied" }),
    ];
    expect(await ran(world, "agent.log-level=debug", "--wait")).toBe(0);
    expect(world.out.text).toBe("board-1 has applied the configuration of version 4.\n");
  });

  it("waits until the answer is gone when all is taken away", async () => {
    const world = new FakeWorld();
    world.hub.twins = [
      twin(null, 5, { version: 4, status: "applied" }),
      twin(null, 5, { version: 4, status: "applied" }),
      twin(null, 5, null),
    ];
    expect(await ran(world, "--reset", "--wait")).toBe(0);
    expect(world.out.text).toBe("board-1 runs with its own configuration.\n");
  });

  it("ends as a refusal does when the board refuses, with why", async () => {
    const world = new FakeWorld();
    world.hub.twins = [twin(debug, 4, { version: 4, status: "refused", error })];
    expect(await ran(world, "agent.log-level=loud", "--wait")).toBe(6);
    expect(world.err.text).toContain("board-1 refused the configuration: agent.log-level: expected less noise.");
    expect(world.err.text).toContain("What was applied before stays in force.");
  });

  it("gives up after a while, and says what to do", async () => {
    const world = new FakeWorld();
    world.hub.twins = [twin(debug, 4, null)];
    expect(await ran(world, "agent.log-level=debug", "--wait", "--timeout", "10s")).toBe(5);
    expect(world.err.text).toContain("board-1 has not answered within 10 s.");
  });

  it.each<[string, JsonObject, string]>([
    ["nothing", twin(null, 1, null), "Nothing is set over the hub: board-1 runs with its own configuration.\n"],
    [
      "what was applied",
      twin(debug, 4, { version: 4, status: "applied" }),
      `${JSON.stringify(debug, null, 2)}\nboard-1 has applied the configuration of version 4.\n`,
    ],
    [
      "what was refused",
      twin(debug, 4, { version: 4, status: "refused", error }),
      `${JSON.stringify(debug, null, 2)}\nboard-1 has refused the configuration of version 4 (bad-request): ${error.message}\n`,
    ],
    [
      "what nobody has read",
      twin(debug, 4, null),
      `${JSON.stringify(debug, null, 2)}\nboard-1 has not answered yet.\n`,
    ],
  ])("without settings, prints %s", async (_what, present, text) => {
    const world = new FakeWorld();
    world.hub.twins = [present];
    expect(await ran(world)).toBe(0);
    expect(world.hub.patches).toStrictEqual([]);
    expect(world.out.text).toBe(text);
  });

  it("tells programs all of it", async () => {
    const world = new FakeWorld();
    world.hub.twins = [twin(debug, 4, { version: 4, status: "applied" })];
    expect(await ran(world, "-o", "json")).toBe(0);
    expect(JSON.parse(world.out.text)).toStrictEqual({
      deviceId: "board-1",
      moduleId: null,
      desired: debug,
      desiredVersion: 4,
      answer: { version: 4, status: "applied", error: null },
      message: "board-1 has applied the configuration of version 4.",
    });
  });

  it.each([[["debug"]], [["--wait"]]])("asks for a setting: %j", async (words) => {
    const world = new FakeWorld();
    expect(await ran(world, ...words)).toBe(2);
    expect(world.err.text).toContain("Expected");
    expect(world.hub.patches).toStrictEqual([]);
  });
});
