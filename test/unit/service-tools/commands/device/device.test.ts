import { describe, expect, it } from "vitest";
import { run } from "../../../../../service-tools/cli/run.ts";
import { FakeWorld } from "../../../../support/world.ts";

const secrets = /cHJpbWFyeQ==|c2Vjb25k|SharedAccessKey/;

async function ran(world: FakeWorld, line: string): Promise<number> {
  return await run(line.split(" "), world);
}

/** A world whose hub has a device, with nothing said yet. */
async function withDevice(name = "board-1"): Promise<FakeWorld> {
  const world = new FakeWorld();
  await world.hub.create({ deviceId: name });
  return world;
}

describe("boardkeeper device add", () => {
  it("prints the connection string alone on standard output, and the next steps beside it", async () => {
    const world = new FakeWorld();
    world.hub.address = { hostName: "localhost:18443", isLocal: true, isOurs: true, deviceHostName: "localhost:18883" };
    expect(await ran(world, "device add -d board-1")).toBe(0);
    expect(world.out.text).toBe("HostName=localhost:18883;DeviceId=board-1;SharedAccessKey=cHJpbWFyeQ==\n");
    expect(world.err.text).toContain("boardkeeper-agent run --simulate -d board-1\n");
    expect(world.err.text).not.toMatch(secrets);
  });

  it("names the home where one is set: the next terminal knows of none", async () => {
    const world = new FakeWorld();
    world.env = { BOARDKEEPER_HOME: "/my home" };
    world.hub.address = { hostName: "localhost:18443", isLocal: true, isOurs: true, deviceHostName: "localhost:18883" };
    await ran(world, "device add -d board-1");
    expect(world.err.text).toContain("  BOARDKEEPER_HOME='/my home' boardkeeper-agent run --simulate -d board-1\n");
    expect(world.err.text).toContain("  BOARDKEEPER_HOME='/my home' boardkeeper status -d board-1\n");
  });

  it("names a module in its connection string", async () => {
    const world = new FakeWorld();
    expect(await ran(world, "device add -d board-1 -m agent -o json")).toBe(0);
    expect(JSON.parse(world.out.text)).toEqual({
      deviceId: "board-1",
      moduleId: "agent",
      status: "enabled",
      connectionState: "Disconnected",
      primaryKey: "cHJpbWFyeQ==",
      secondaryKey: "c2Vjb25k",
      connectionString: "HostName=hub.example;DeviceId=board-1;ModuleId=agent;SharedAccessKey=cHJpbWFyeQ==",
    });
  });

  it("does not tell a simulated board of another hub to find its files by itself", async () => {
    const world = new FakeWorld();
    await ran(world, "device add -d board-1");
    expect(world.err.text).toContain("IOTHUB_DEVICE_CONNECTION_STRING=");
  });

  it("refuses what is there already", async () => {
    const world = await withDevice();
    expect(await ran(world, "device add -d board-1")).toBe(1);
    expect(world.out.text).toBe("");
  });
});

describe("boardkeeper device show", () => {
  it.each(["table", "json"])("keeps the keys to itself as %s", async (format) => {
    const world = await withDevice();
    expect(await ran(world, `device show -d board-1 -o ${format}`)).toBe(0);
    expect(world.out.text).toContain("board-1");
    expect(world.out.text).not.toMatch(secrets);
  });

  it.each(["table", "json"])("shows them when asked for as %s", async (format) => {
    const world = await withDevice();
    expect(await ran(world, `device show -d board-1 --keys -o ${format}`)).toBe(0);
    expect(world.out.text).toContain("HostName=hub.example;DeviceId=board-1;SharedAccessKey=cHJpbWFyeQ==");
  });

  it("does not know what is not there", async () => {
    expect(await ran(new FakeWorld(), "device show -d board-9")).toBe(1);
  });
});

describe("boardkeeper device remove", () => {
  it("removes", async () => {
    const world = await withDevice();
    expect(await ran(world, "device remove -d board-1")).toBe(0);
    expect(world.out.text).toBe("Removed board-1.\n");
    expect(world.hub.identities.size).toBe(0);
  });
});

describe("boardkeeper device list", () => {
  const rows = [
    {
      deviceId: "board-2",
      status: "enabled",
      connectionState: "Connected",
      firmwareVersion: "1.1.0",
      updatePhase: "completed",
      lastReboot: "2026-01-02T03:04:05.000Z",
    },
    { deviceId: "board-1", status: "disabled", connectionState: "Disconnected" },
    { deviceId: "board-3", status: "enabled", connectionState: "Disconnected", firmwareVersion: null },
  ];

  it("is one query, however many devices there are", async () => {
    const world = new FakeWorld();
    world.hub.rows = rows;
    expect(await ran(world, "device list")).toBe(0);
    expect(world.out.text).toBe(
      [
        "Name     Link       Firmware  Update     Last reboot",
        "board-1  disabled   -         -          -",
        "board-2  connected  1.1.0     completed  2026-01-02T03:04:05.000Z",
        "board-3  offline    -         -          -",
        "",
      ].join("\n"),
    );
    expect(world.hub.queries).toEqual([
      "SELECT deviceId, status, connectionState, properties.reported.boardkeeper.firmwareVersion AS firmwareVersion, properties.reported.boardkeeper.update.phase AS updatePhase, properties.reported.boardkeeper.reboot.lastProven.at AS lastReboot FROM devices",
    ]);
    expect(world.hub.looks).toBe(0);
  });

  it("answers programs with every key, whatever the hub left out", async () => {
    const world = new FakeWorld();
    world.hub.rows = rows.slice(1, 2);
    await ran(world, "device list -o json");
    expect(JSON.parse(world.out.text)).toEqual([
      {
        deviceId: "board-1",
        moduleId: null,
        status: "disabled",
        connectionState: "Disconnected",
        firmwareVersion: null,
        updatePhase: null,
        lastReboot: null,
      },
    ]);
  });

  it("lists modules by the names of both", async () => {
    const world = new FakeWorld();
    world.hub.rows = [{ deviceId: "board-1", moduleId: "agent", connectionState: "Connected" }];
    await ran(world, "device list --modules");
    expect(world.out.text).toContain("board-1/agent  connected");
    expect(world.hub.queries[0]).toMatch(/ FROM devices\.modules$/);
  });

  it("says what to do where there is none, and gives programs an empty list", async () => {
    const world = new FakeWorld();
    expect(await ran(world, "device list")).toBe(0);
    expect([world.out.text, world.err.text]).toEqual([
      "",
      "The hub has no devices yet. Add one with: boardkeeper device add -d board-1\n",
    ]);
    await ran(world, "device list -o json");
    expect(JSON.parse(world.out.text)).toEqual([]);
  });
});
