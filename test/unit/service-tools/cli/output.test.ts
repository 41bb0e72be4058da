import { describe, expect, it } from "vitest";
import { formatRecord, formatTable, printResult, formatLogEntry } from "../../../../service-tools/cli/output.ts";
import { FakeScreen } from "../../../support/fake-context.ts";

describe("a result for people", () => {
  it("puts the fields of a record below each other", () => {
    const record = { url: "https://localhost:1/x", size: 12, ready: true, pid: undefined, ports: { mqtt: 8883 } };
    expect(formatRecord(record)).toBe(
      ["url    https://localhost:1/x", "size   12", "ready  yes", "pid    -", 'ports  {"mqtt":8883}'].join("\n"),
    );
  });

  it("does not turn a line of a board's text into a field", () => {
    expect(formatRecord({ error: "too bad\nupdate  completed" })).toBe("error  too bad update  completed");
    expect(formatTable(["device", "error"], [{ device: "b", error: "x\r\ny" }])).toBe(
      ["device  error", "b       x y"].join("\n"),
    );
  });

  it("puts many results in columns as wide as they need", () => {
    const rows = [
      { device: "board-1", connected: true },
      { device: "b", connected: false },
    ];
    expect(formatTable(["device", "connected"], rows)).toBe(
      ["device   connected", "board-1  yes", "b        no"].join("\n"),
    );
  });

  it("keeps the heading of a table with no rows", () => {
    expect(formatTable(["device", "connected"], [])).toBe("device  connected");
  });
});

describe("a result for programs", () => {
  it("is an object of JSON, or an array", () => {
    const out = new FakeScreen();
    printResult(out, "json", { json: { size: 12, ready: true }, text: "size  12\n" });
    expect(out.text).toBe('{\n  "size": 12,\n  "ready": true\n}\n');
    out.text = "";
    printResult(out, "json", { json: [{ size: 12 }], text: "size\n12\n" });
    expect(JSON.parse(out.text)).toEqual([{ size: 12 }]);
  });
});

describe("a line of the hub's log", () => {
  it("is time, level, message and fields, quoted if they contain a space", () => {
    const at = new Date(2026, 0, 2, 3, 4, 5);
    const entry = {
      level: "warn",
      message: "connection refused",
      client: "board-1",
      why: "wrong key",
      code: 5,
    } as const;
    expect(formatLogEntry(entry, at)).toBe('03:04:05 warn  connection refused client=board-1 why="wrong key" code=5');
  });

  it("leaves out undefined fields", () => {
    const at = new Date(2026, 0, 2, 3, 4, 5);
    expect(formatLogEntry({ level: "info", message: "listening", port: undefined }, at)).toBe(
      "03:04:05 info  listening",
    );
  });
});
