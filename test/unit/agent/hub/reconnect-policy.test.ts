import { describe, expect, it } from "vitest";
import {
  nextReconnect,
  initialHistory,
  throttleBackoffMs,
  diagnosisMessages,
  type Diagnosis,
  type EndedConnection,
  type ConnectionHistory,
} from "../../../../agent/hub/reconnect-policy.ts";

const failed: EndedConnection = {
  kind: "unreachable",
  upMs: null,
  during: null,
  clockTrusted: true,
  clockOffsetMs: null,
};
const long: ConnectionHistory = { failures: 40, shortConnections: 0, shortDuring: null, diagnosis: null };

const hours = 3_600_000;
const years = 2 * 365 * 24 * hours;

describe("what the end of a connection means", () => {
  it.each<[string, Partial<EndedConnection>, Diagnosis, least: number, most: number]>([
    ["no route", { kind: "no-network" }, "offline", 1_000, 10_000],
    ["nobody there", { kind: "unreachable" }, "offline", 1_000, 60_000],
    // A fleet that has lost its hub comes back spread over half a minute.
    ["a steady connection that is dead", { kind: "silent", upMs: 90_000 }, "offline", 0, 30_000],
    ["a steady connection that was lost", { kind: "lost", upMs: 90_000 }, "offline", 0, 30_000],
    ["a suspended hub", { kind: "suspended" }, "suspended", 60_000, 900_000],
    // It was reached, so nobody should look for a fault of the network.
    ["a twin that is too large to be read", { kind: "twin-full" }, "hub-error", 1_000, 60_000],
    ["an unknown authority", { kind: "untrusted" }, "certificate", 30_000, 300_000],
    [
      "a certificate from the future, by a clock that nobody set",
      { kind: "certificate-time", clockTrusted: false },
      "clock",
      5_000,
      15_000,
    ],
    ["a certificate that has expired, by a good clock", { kind: "certificate-time" }, "certificate", 30_000, 300_000],
    ["a wrong key", { kind: "refused" }, "credentials", 60_000, 600_000],
    [
      "a refusal by a clock that nobody set, where the hub's time is not known",
      { kind: "refused", clockTrusted: false },
      "clock-or-credentials",
      5_000,
      15_000,
    ],
    ["a token of years ago", { kind: "refused", clockOffsetMs: -years }, "clock", 5_000, 15_000],
    ["a token that has just expired", { kind: "refused", clockOffsetMs: -48 * hours }, "clock", 5_000, 15_000],
    // The token is valid by the hub's clock, so the hub has another reason.
    ["a wrong key, hours behind", { kind: "refused", clockOffsetMs: -47 * hours }, "credentials", 60_000, 600_000],
    [
      "a wrong key, hours ahead by a clock that nobody set",
      { kind: "refused", clockTrusted: false, clockOffsetMs: 5 * hours },
      "credentials",
      60_000,
      600_000,
    ],
    [
      "a wrong key, by a good clock that nobody set",
      { kind: "refused", clockTrusted: false, clockOffsetMs: 0 },
      "credentials",
      60_000,
      600_000,
    ],
    [
      "a certificate that is not valid by a clock that a bad time server set",
      { kind: "certificate-time", clockOffsetMs: -years },
      "clock",
      5_000,
      15_000,
    ],
    [
      "a certificate that has expired by the hub's clock too",
      { kind: "certificate-time", clockTrusted: false, clockOffsetMs: 1_000 },
      "certificate",
      30_000,
      300_000,
    ],
    ["throttling", { kind: "throttled" }, "busy", 10_000, 120_000],
    ["a used-up quota", { kind: "quota" }, "quota", 60_000, 900_000],
    ["a hub that cannot", { kind: "hub-error" }, "hub-error", 1_000, 60_000],
    ["a hub that will not", { kind: "rejected" }, "hub-refuses", 10_000, 300_000],
    ["a change that was missed", { kind: "missed", upMs: 25_000 }, "hub-error", 1_000, 60_000],
  ])("%s", (_what, ended, diagnosis, least, most) => {
    const shortest = nextReconnect(long, { ...failed, ...ended }, 0);
    const longest = nextReconnect(long, { ...failed, ...ended }, 1);
    expect(shortest.history.diagnosis).toBe(diagnosis);
    expect([shortest.waitMs, longest.waitMs]).toStrictEqual([least, most]);
  });

  it.each(Object.entries(diagnosisMessages))("%s has a sentence for people", (_diagnosis, sentence) => {
    expect(sentence).toMatch(/^[A-Z].+\.$/);
  });

  it.each<[EndedConnection["kind"], upMs: number | null, failures: number, shortConnections: number, Diagnosis]>([
    ["lost", 14_999, 4, 3, "duplicate-identity"],
    ["lost", 15_000, 4, 0, "offline"],
    ["lost", 29_999, 4, 0, "offline"],
    ["lost", 30_000, 1, 0, "offline"],
    ["lost", null, 4, 2, "offline"],
    ["silent", 5, 4, 0, "offline"],
    ["unreachable", null, 4, 2, "offline"],
  ])(
    "%s after %s ms, the fourth failure after two short connections",
    (kind, upMs, failures, shortConnections, diagnosis) => {
      const before: ConnectionHistory = { failures: 3, shortConnections: 2, shortDuring: null, diagnosis: null };
      const { history } = nextReconnect(before, { ...failed, kind, upMs }, 0);
      expect(history).toStrictEqual({ failures, shortConnections, shortDuring: null, diagnosis });
    },
  );

  it("leaves another agent with the same identity some time", () => {
    const before: ConnectionHistory = { ...long, shortConnections: 2 };
    const ended: EndedConnection = { ...failed, kind: "lost", upMs: 11 };
    expect([0, 0.999_999_999].map((random) => nextReconnect(before, ended, random).waitMs)).toStrictEqual([
      10_000, 300_000,
    ]);
  });

  it("is nothing when it was our own wish", () => {
    const before: ConnectionHistory = { ...long, shortConnections: 2, diagnosis: "offline" };
    expect(nextReconnect(before, { ...failed, kind: "own", upMs: 5 }, 0.5)).toStrictEqual({
      history: initialHistory,
      waitMs: 0,
    });
  });

  it("is a duplicate identity when the hub ends several connections in a row within seconds", () => {
    let history = initialHistory;
    const seen: (string | null)[] = [];
    for (let count = 1; count <= 4; count += 1) {
      ({ history } = nextReconnect(history, { ...failed, kind: "lost", upMs: 11 }, 0));
      seen.push(history.diagnosis);
    }
    expect(seen).toStrictEqual(["offline", "offline", "duplicate-identity", "duplicate-identity"]);
    ({ history } = nextReconnect(history, failed, 0));
    expect(history).toMatchObject({ shortConnections: 4, diagnosis: "offline" }); // A hub that is away clears nobody.
    ({ history } = nextReconnect(history, { ...failed, kind: "lost", upMs: 40_000 }, 0));
    expect(history).toStrictEqual({ failures: 1, shortConnections: 0, shortDuring: null, diagnosis: "offline" });
  });

  it("grows the wait with each failure, and begins again after a steady connection", () => {
    let history = initialHistory;
    const waits: number[] = [];
    for (let count = 1; count <= 8; count += 1) {
      const next = nextReconnect(history, failed, 0.999_999_999);
      ({ history } = next);
      waits.push(next.waitMs);
    }
    expect(waits).toStrictEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    ({ history } = nextReconnect(history, { ...failed, kind: "lost", upMs: 30_000 }, 0));
    expect(nextReconnect(history, failed, 0.999_999_999).waitMs).toBe(4_000);
  });

  it.each<[EndedConnection["during"][], Diagnosis]>([
    [[null, null, null], "duplicate-identity"],
    [["twin", "twin", "twin"], "twin-work-ends-connection"],
    [["report", "report", "report"], "twin-work-ends-connection"],
    // A twin that is read and written in turn is the same work.
    [["twin", "report", "twin"], "twin-work-ends-connection"],
    [["report", "twin", "report"], "twin-work-ends-connection"],
    // Messages are held back after one was lost, so it tells nothing of the connections before and after it.
    [["message", "twin", "report", "twin"], "twin-work-ends-connection"],
    [["twin", "report", "message", "twin"], "twin-work-ends-connection"],
    [[null, "message", null, null], "duplicate-identity"],
    [["message", "message", "message"], "offline"],
    [["twin", "report", "message"], "offline"],
    [["twin", "report", "twin", "message"], "twin-work-ends-connection"],
    [[null, null, "twin", "report"], "offline"],
    [["twin", "report", null, null], "offline"],
    [[null, "twin", null, "report", null, "twin"], "offline"],
  ])("names what a hub ends connections for: during %j, %s", (works, diagnosis) => {
    let history = initialHistory;
    for (const during of works)
      ({ history } = nextReconnect(history, { ...failed, kind: "lost", upMs: 200, during }, 0));
    expect(history.diagnosis).toBe(diagnosis);
  });
});

it("asks again over the same connection no sooner than the hub wants", () => {
  expect(throttleBackoffMs("throttled", 1, 0)).toBe(10_000);
  expect(throttleBackoffMs("quota", 9, 0.999_999_999)).toBe(900_000);
  expect(throttleBackoffMs("suspended", 1, 0)).toBe(60_000);
});
