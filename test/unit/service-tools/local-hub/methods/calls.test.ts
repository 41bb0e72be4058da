import { describe, expect, it } from "vitest";
import { Faults } from "../../../../../service-tools/local-hub/faults/faults.ts";
import type { Location } from "../../../../../service-tools/local-hub/faults/fault-kind.ts";
import { targetName } from "../../../../../service-tools/local-hub/lib/target.ts";
import type { Target } from "../../../../../service-tools/local-hub/lib/target.ts";
import { silentLog } from "../../../../../service-tools/local-hub/lib/log.ts";
import { MethodCalls } from "../../../../../service-tools/local-hub/methods/calls.ts";
import type { MethodTransport } from "../../../../../service-tools/local-hub/methods/calls.ts";
import { ManualClock } from "../../../../support/manual-clock.ts";

/** A transport whose devices come and go as the test says, and which notes what is sent. */
class FakeTransport implements MethodTransport {
  readonly sent: { method: string; requestId: string; payload: string }[] = [];
  readonly present = new Set<string>();

  canReceiveMethod(target: Target): boolean {
    return this.present.has(targetName(target));
  }

  sendMethod(_target: Target, method: string, requestId: string, payload: string): void {
    this.sent.push({ method, requestId, payload });
  }

  location(target: Target): Location {
    return { endpoints: ["mqtt"], target };
  }
}

const board: Target = { deviceId: "board-1" };
const call = { name: "reboot", payload: "{}", connectTimeoutMs: 10_000, responseTimeoutMs: 30_000 };
const answer = Buffer.from('{"ok":1}');

function setUp(): { calls: MethodCalls; transport: FakeTransport; clock: ManualClock } {
  const transport = new FakeTransport();
  const clock = new ManualClock();
  return { calls: new MethodCalls(transport, clock, new Faults(clock, silentLog)), transport, clock };
}

describe("a direct method", () => {
  it("goes out at once to a device that is there, and is settled by its answer", async () => {
    const { calls, transport, clock } = setUp();
    transport.present.add("board-1");
    const result = calls.invoke(board, call);
    expect(transport.sent).toEqual([{ method: "reboot", requestId: "1", payload: "{}" }]);
    calls.handleResponse(board, "1", 200, answer);
    expect(await result).toEqual({ ok: true, value: { status: 200, payload: { ok: 1 } } });
    expect(clock.pending()).toBe(0);
  });

  it("is refused at once for a device that is not there, when it does not wait", async () => {
    const { calls, clock } = setUp();
    const result = await calls.invoke(board, { ...call, connectTimeoutMs: 0 });
    expect(result).toMatchObject({ ok: false, error: { code: 404_103, info: { timeout: "00:00:00" } } });
    expect(clock.pending()).toBe(0);
  });

  it("waits for a device to come", async () => {
    const { calls, transport, clock } = setUp();
    const result = calls.invoke(board, call);
    clock.advance(9999);
    transport.present.add("board-1");
    calls.deviceReachable(board);
    calls.handleResponse(board, "1", 202, Buffer.from(""));
    expect(await result).toEqual({ ok: true, value: { status: 202, payload: null } });
  });

  it("gives up on a device that does not come", async () => {
    const { calls, clock } = setUp();
    const result = calls.invoke(board, call);
    clock.advance(10_000);
    expect(await result).toMatchObject({ ok: false, error: { code: 404_103, info: { timeout: "00:00:10" } } });
    expect(clock.pending()).toBe(0);
  });

  it("gives up on an answer that does not come", async () => {
    const { calls, transport, clock } = setUp();
    transport.present.add("board-1");
    const result = calls.invoke(board, call);
    clock.advance(30_000);
    expect(await result).toMatchObject({ ok: false, error: { code: 504_101 } });
  });

  it("has its waits for the device and for the answer bounded together", async () => {
    const { calls, transport, clock } = setUp();
    const result = calls.invoke(board, call);
    clock.advance(9000);
    transport.present.add("board-1");
    calls.deviceReachable(board);
    clock.advance(21_000);
    expect(await result).toMatchObject({ ok: false, error: { code: 504_101 } });
  });

  it("ends when the device goes away before it answers", async () => {
    const { calls, transport } = setUp();
    transport.present.add("board-1");
    const result = calls.invoke(board, call);
    calls.deviceDisconnected(board);
    expect(await result).toMatchObject({ ok: false, error: { code: 404_104 } });
  });

  it("is not settled by another device's answer, nor twice", async () => {
    const { calls, transport } = setUp();
    transport.present.add("board-1");
    const result = calls.invoke(board, call);
    calls.handleResponse({ deviceId: "board-2" }, "1", 500, answer);
    calls.handleResponse({ deviceId: "board-1", moduleId: "agent" }, "1", 500, answer);
    calls.handleResponse(board, "1", 200, answer);
    calls.handleResponse(board, "1", 500, answer);
    expect(await result).toMatchObject({ ok: true, value: { status: 200 } });
  });

  it("keeps calls apart by their request ids", async () => {
    const { calls, transport } = setUp();
    transport.present.add("board-1");
    const [first, second] = [calls.invoke(board, call), calls.invoke(board, call)];
    calls.handleResponse(board, "2", 202, answer);
    calls.handleResponse(board, "1", 201, answer);
    expect(await Promise.all([first, second])).toMatchObject([{ value: { status: 201 } }, { value: { status: 202 } }]);
  });
});
