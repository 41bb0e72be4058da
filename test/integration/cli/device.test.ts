import { describe, expect, it } from "vitest";
import { runCommandLine } from "../../../service-tools/run.ts";
import { FakeContext } from "../../support/fake-context.ts";

const secrets = /cHJpbWFyeQ==|c2Vjb25k|SharedAccessKey/;

async function ran(context: FakeContext, line: string): Promise<number> {
  return await runCommandLine(line.split(" "), context);
}

/** A context whose hub has a device, with nothing said yet. */
async function withDevice(name = "board-1"): Promise<FakeContext> {
  const context = new FakeContext();
  await context.hub.createIdentity({ deviceId: name });
  return context;
}

describe("boardkeeper device add", () => {
  it("prints the connection string alone on standard output, and the next steps beside it", async () => {
    const context = new FakeContext();
    context.hub.address = {
      hostName: "localhost:18443",
      isLocal: true,
      isOwnLocalHub: true,
      deviceHostName: "localhost:18883",
    };
    expect(await ran(context, "device add -d board-1")).toBe(0);
    expect(context.out.text).toBe("HostName=localhost:18883;DeviceId=board-1;SharedAccessKey=cHJpbWFyeQ==\n");
    expect(context.err.text).toContain("boardkeeper-agent run --simulate -d board-1\n");
    expect(context.err.text).not.toMatch(secrets);
  });

  it("names the home where one is set: the next terminal knows of none", async () => {
    const context = new FakeContext();
    context.env = { BOARDKEEPER_HOME: "/my home" };
    context.hub.address = {
      hostName: "localhost:18443",
      isLocal: true,
      isOwnLocalHub: true,
      deviceHostName: "localhost:18883",
    };
    await ran(context, "device add -d board-1");
    expect(context.err.text).toContain("  BOARDKEEPER_HOME='/my home' boardkeeper-agent run --simulate -d board-1\n");
    expect(context.err.text).toContain("  BOARDKEEPER_HOME='/my home' boardkeeper status -d board-1\n");
  });

  it("names a module in its connection string", async () => {
    const context = new FakeContext();
    expect(await ran(context, "device add -d board-1 -m agent -o json")).toBe(0);
    expect(JSON.parse(context.out.text)).toEqual({
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
    const context = new FakeContext();
    await ran(context, "device add -d board-1");
    expect(context.err.text).toContain("IOTHUB_DEVICE_CONNECTION_STRING=");
  });

  it("refuses what is there already", async () => {
    const context = await withDevice();
    expect(await ran(context, "device add -d board-1")).toBe(1);
    expect(context.out.text).toBe("");
  });
});

describe("boardkeeper device show", () => {
  it.each(["table", "json"])("keeps the keys to itself as %s", async (format) => {
    const context = await withDevice();
    expect(await ran(context, `device show -d board-1 -o ${format}`)).toBe(0);
    expect(context.out.text).toContain("board-1");
    expect(context.out.text).not.toMatch(secrets);
  });

  it.each(["table", "json"])("shows them when asked for as %s", async (format) => {
    const context = await withDevice();
    expect(await ran(context, `device show -d board-1 --keys -o ${format}`)).toBe(0);
    expect(context.out.text).toContain("HostName=hub.example;DeviceId=board-1;SharedAccessKey=cHJpbWFyeQ==");
  });

  it("does not know what is not there", async () => {
    expect(await ran(new FakeContext(), "device show -d board-9")).toBe(1);
  });
});

describe("boardkeeper device remove", () => {
  it("removes", async () => {
    const context = await withDevice();
    expect(await ran(context, "device remove -d board-1")).toBe(0);
    expect(context.out.text).toBe("Removed board-1.\n");
    expect(context.hub.identities.size).toBe(0);
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
    const context = new FakeContext();
    context.hub.rows = rows;
    expect(await ran(context, "device list")).toBe(0);
    expect(context.out.text).toBe(
      [
        "Name     Link       Firmware  Update     Last reboot",
        "board-1  disabled   -         -          -",
        "board-2  connected  1.1.0     completed  2026-01-02T03:04:05.000Z",
        "board-3  offline    -         -          -",
        "",
      ].join("\n"),
    );
    expect(context.hub.queries).toEqual([
      "SELECT deviceId, status, connectionState, properties.reported.boardkeeper.firmwareVersion AS firmwareVersion, properties.reported.boardkeeper.update.phase AS updatePhase, properties.reported.boardkeeper.reboot.lastProven.at AS lastReboot FROM devices",
    ]);
    expect(context.hub.twinReads).toBe(0);
  });

  it("answers programs with every key, whatever the hub left out", async () => {
    const context = new FakeContext();
    context.hub.rows = rows.slice(1, 2);
    await ran(context, "device list -o json");
    expect(JSON.parse(context.out.text)).toEqual([
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
    const context = new FakeContext();
    context.hub.rows = [{ deviceId: "board-1", moduleId: "agent", connectionState: "Connected" }];
    await ran(context, "device list --modules");
    expect(context.out.text).toContain("board-1/agent  connected");
    expect(context.hub.queries[0]).toMatch(/ FROM devices\.modules$/);
  });

  it("says what to do where there is none, and gives programs an empty list", async () => {
    const context = new FakeContext();
    expect(await ran(context, "device list")).toBe(0);
    expect([context.out.text, context.err.text]).toEqual([
      "",
      "The hub has no devices yet. Add one with: boardkeeper device add -d board-1\n",
    ]);
    await ran(context, "device list -o json");
    expect(JSON.parse(context.out.text)).toEqual([]);
  });
});
