import { describe, expect, it } from "vitest";
import type { FirstHop } from "../../../../../agent/board/probes/facts.ts";
import {
  checkDns,
  checkLogin,
  checkPorts,
  checkTls,
  type LoginClock,
  type LoginFacts,
} from "../../../../../agent/cli/doctor/hub.ts";
import { describeFinding } from "../../../../support/findings.ts";

const hub: FirstHop = { host: "hub.example", port: 8883, kind: "hub" };

describe("network", () => {
  it.each([
    [{ addresses: ["192.0.2.1"], code: null }, "ok: hub.example is 192.0.2.1"],
    [{ addresses: [], code: "ENOTFOUND" }, "fault: hub.example cannot be resolved (ENOTFOUND)"],
    [{ addresses: [], code: "EAI_AGAIN" }, "fault: hub.example cannot be resolved (EAI_AGAIN): no name server answers"],
  ])("dns %j", (facts, expected) => expect(describeFinding(checkDns({ hop: hub, ...facts }))).toBe(expected));

  it.each<[string | null, string | null, string, string]>([
    [null, "ETIMEDOUT", "ok: open at hub.example", ""],
    [
      "ECONNREFUSED",
      null,
      "fault: TCP to hub.example, port 8883, is refused",
      `set hub.transport = "mqtt-ws", since port 443`,
    ],
    ["ETIMEDOUT", null, "most likely a firewall drops it", "mqtt-ws"],
    ["ETIMEDOUT", "ETIMEDOUT", "is not answered", "check that the hub runs"],
    ["EHOSTUNREACH", "ETIMEDOUT", "cannot be opened (EHOSTUNREACH)", "check that the hub runs"],
  ])("ports: 8883 %s, 443 %s", (used, other, expected, advice) => {
    const [first, second] = checkPorts(hub, "mqtt", { port: 8883, code: used }, { port: 443, code: other });
    expect(describeFinding(first)).toContain(expected);
    expect(first?.advice ?? "").toContain(advice);
    expect(second?.level).toBe("ok");
  });

  it("reports one port once", () => {
    expect(checkPorts(hub, "mqtt", { port: 1, code: null }, { port: 1, code: null })).toHaveLength(1);
  });
});

describe("tls", () => {
  const shown = { issuer: "Some CA", validFrom: "a", validTo: "b", host: "hub.example", ownAuthority: false };
  it.each<[string | null, string, string]>([
    [null, "ok: trusted: signed by Some CA, valid until b", ""],
    ["CERT_NOT_YET_VALID", "is not valid yet (CERT_NOT_YET_VALID; valid from a to b)", "clock is wrong: set it"],
    [
      "CERT_HAS_EXPIRED",
      "has expired, or that of its authority has (CERT_HAS_EXPIRED; valid from a to b)",
      "clock is wrong",
    ],
    [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "the certificate that hub.example shows is for another host name",
      "captive portal",
    ],
    [
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "authority that is not known here (UNABLE_TO_GET_ISSUER_CERT_LOCALLY; signed by Some CA)",
      "--ca-file",
    ],
    ["SELF_SIGNED_CERT_IN_CHAIN", "signed by an authority that is not known here", "intercepts TLS"],
    ["CERT_REVOKED", "the certificate that hub.example shows cannot be used", "Replace it on the server"],
  ])("%s", (code, expected, advice) => {
    const finding = checkTls({ ...shown, code });
    expect(describeFinding(finding)).toContain(expected);
    expect(finding.advice ?? "").toContain(advice);
  });

  it("advises to check the authority that was given", () => {
    const facts = { ...shown, code: "SELF_SIGNED_CERT_IN_CHAIN", ownAuthority: true };
    expect(checkTls(facts).advice).toContain("put it into hub.ca-file");
  });

  it("reports a server that does not speak TLS", () => {
    expect(describeFinding(checkTls({ ...shown, issuer: null, code: "ECONNRESET" }))).toContain(
      "the server does not speak TLS (ECONNRESET)",
    );
  });
});

describe("login and hub tier", () => {
  const failed = (error: "refused" | "unreachable"): LoginFacts => ({
    kind: "failed",
    error,
    message: "connect: x",
  });
  const noTwin = (error: "rejected" | "lost" | "silent" | "throttled" | "quota" | "hub-error"): LoginFacts => ({
    kind: "no-twin",
    error,
    message: "twin: x",
  });
  const unknown = { offsetMs: null, synchronized: true };
  const hours = (count: number): { offsetMs: number; synchronized: boolean } => ({
    offsetMs: count * 3_600_000,
    synchronized: false,
  });
  it.each<[LoginFacts, LoginClock, string, string]>([
    [{ kind: "connected" }, unknown, "ok: the hub accepts", "ok: the hub has twins"],
    [{ kind: "agent-connected" }, unknown, "ok: the running agent", "ok: the hub has twins"],
    [{ kind: "not-tried" }, unknown, "unknown: not tried", "unknown: not checked: not connected"],
    [failed("refused"), unknown, "credentials: wrong key, or the device is disabled or deleted", "unknown"],
    [failed("refused"), hours(0), "credentials: wrong key, or the device is disabled or deleted", "unknown"],
    [failed("refused"), hours(-24 * 700), "because the board's clock is wrong", "unknown"],
    [failed("refused"), hours(-48), "because the board's clock is wrong", "unknown"],
    [failed("refused"), hours(-47), "credentials (its wrong clock is not why): wrong key", "unknown"],
    [failed("refused"), hours(5), "credentials (its wrong clock is not why): wrong key", "unknown"],
    [failed("refused"), { ...unknown, synchronized: false }, "its clock is wrong (nothing has set it", "unknown"],
    [failed("unreachable"), hours(-100), "fault: no connection: connect: x", "unknown"],
    [
      noTwin("rejected"),
      unknown,
      "ok",
      "fault: the hub did not give the board its twin (twin: x): most likely its tier is Basic",
    ],
    [noTwin("silent"), unknown, "ok", "tier is Basic"],
    [noTwin("lost"), unknown, "ok", "or another agent uses the same identity"],
    [noTwin("throttled"), unknown, "ok", "unknown"],
    [noTwin("quota"), unknown, "ok", "warning: The hub's daily message quota"],
    [noTwin("hub-error"), unknown, "ok", "unknown: the hub cannot answer now"],
  ])("%j, clock: %j", (facts, clock, ofLogin, ofTier) => {
    const [login, tier] = checkLogin(facts, clock);
    expect(describeFinding(login)).toContain(ofLogin);
    expect(describeFinding(tier)).toContain(ofTier);
  });
});
