import { describe, expect, it } from "vitest";
import { Faults } from "../../../../../service-tools/local-hub/faults/faults.ts";
import type { Location } from "../../../../../service-tools/local-hub/faults/scope.ts";
import { targetName } from "../../../../../service-tools/local-hub/registry/ids.ts";
import type { Target } from "../../../../../service-tools/local-hub/registry/ids.ts";
import { silentLog } from "../../../../../service-tools/local-hub/lib/log.ts";
import { MethodCalls } from "../../../../../service-tools/local-hub/methods/calls.ts";
import type { DeviceConnections } from "../../../../../service-tools/local-hub/gateway/device-link.ts";
import { ManualClock } from "../../../../support/manual-clock.ts";

/** A link whose devices come and go as the test says, and which notes what is sent. */
class FakeLink implements DeviceConnections {
  readonly sent: { topic: string; payload: string }[] = [];
  readonly present = new Set<string>();

  isConnected(target: Target): boolean {
    return this.present.has(targetName(target));
  }

  canReceive(target: Target): boolean {
    return this.isConnected(target);
  }

  send(target: Target, wants: (filter: string) => boolean, topic: string, payload: string): boolean {
    if (!this.isConnected(target) || !wants("$iothub/methods/POST/#")) return false;
    this.sent.push({ topic, payload });
    return true;
  }

  location(target: Target): Location {
    return { endpoints: ["mqtt"], target };
  }

  disconnect(target: Target): void {
    this.present.delete(targetName(target));
  }
}

const board: Target = { deviceId: "board-1" };
const call = { name: "reboot", payload: "{}", connectTimeoutMs: 10_000, responseTimeoutMs: 30_000 };
const answer = Buffer.from('{"ok":1}');

function world(): { calls: MethodCalls; link: FakeLink; clock: ManualClock } {
  const link = new FakeLink();
  const clock = new ManualClock();
  return { calls: new MethodCalls(link, clock, new Faults(clock, silentLog)), link, clock };
}

describe("a direct method", () => {
  it("goes out at once to a device that is there, and is settled by its answer", async () => {
    const { calls, link, clock } = world();
    link.present.add("board-1");
    const result = calls.invoke(board, call);
    expect(link.sent).toEqual([{ topic: "$iothub/methods/POST/reboot/?$rid=1", payload: "{}" }]);
    calls.handleResponse(board, "1", 200, answer);
    expect(await result).toEqual({ ok: true, value: { status: 200, payload: { ok: 1 } } });
    expect(clock.pending()).toBe(0);
  });

  it("is refused at once for a device that is not there, when it does not wait", async () => {
    const { calls, clock } = world();
    const verdict = await calls.invoke(board, { ...call, connectTimeoutMs: 0 });
    expect(verdict).toMatchObject({ ok: false, refusal: { code: 404_103, info: { timeout: "00:00:00" } } });
    expect(clock.pending()).toBe(0);
  });

  it("waits for a device to come", async () => {
    const { calls, link, clock } = world();
    const result = calls.invoke(board, call);
    clock.advance(9999);
    link.present.add("board-1");
    calls.deviceReachable(board);
    calls.handleResponse(board, "1", 202, Buffer.from(""));
    expect(await result).toEqual({ ok: true, value: { status: 202, payload: null } });
  });

  it("gives up on a device that does not come", async () => {
    const { calls, clock } = world();
    const result = calls.invoke(board, call);
    clock.advance(10_000);
    expect(await result).toMatchObject({ ok: false, refusal: { code: 404_103, info: { timeout: "00:00:10" } } });
    expect(clock.pending()).toBe(0);
  });

  it("gives up on an answer that does not come", async () => {
    const { calls, link, clock } = world();
    link.present.add("board-1");
    const result = calls.invoke(board, call);
    clock.advance(30_000);
    expect(await result).toMatchObject({ ok: false, refusal: { code: 504_101 } });
  });

  it("has its waits for the device and for the answer bounded together", async () => {
    const { calls, link, clock } = world();
    const result = calls.invoke(board, call);
    clock.advance(9000);
    link.present.add("board-1");
    calls.deviceReachable(board);
    clock.advance(21_000);
    expect(await result).toMatchObject({ ok: false, refusal: { code: 504_101 } });
  });

  it("ends when the device goes away before it answers", async () => {
    const { calls, link } = world();
    link.present.add("board-1");
    const result = calls.invoke(board, call);
    calls.deviceDisconnected(board);
    expect(await result).toMatchObject({ ok: false, refusal: { code: 404_104 } });
  });

  it("is not settled by another device's answer, nor twice", async () => {
    const { calls, link } = world();
    link.present.add("board-1");
    const result = calls.invoke(board, call);
    calls.handleResponse({ deviceId: "board-2" }, "1", 500, answer);
    calls.handleResponse({ deviceId: "board-1", moduleId: "agent" }, "1", 500, answer);
    calls.handleResponse(board, "1", 200, answer);
    calls.handleResponse(board, "1", 500, answer);
    expect(await result).toMatchObject({ ok: true, value: { status: 200 } });
  });

  it("keeps calls apart by their request ids", async () => {
    const { calls, link } = world();
    link.present.add("board-1");
    const [first, second] = [calls.invoke(board, call), calls.invoke(board, call)];
    calls.handleResponse(board, "2", 202, answer);
    calls.handleResponse(board, "1", 201, answer);
    expect(await Promise.all([first, second])).toMatchObject([{ value: { status: 201 } }, { value: { status: 202 } }]);
  });
});
