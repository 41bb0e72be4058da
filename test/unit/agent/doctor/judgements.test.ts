import { describe, expect, it } from "vitest";
import { checkClock } from "../../../../agent/cli/doctor/clock.ts";
import { checkConfiguration } from "../../../../agent/cli/doctor/configuration.ts";
import { checkCredentials, checkLastKnownGoodFile } from "../../../../agent/cli/doctor/credentials.ts";
import type { Finding } from "../../../../agent/cli/doctor/finding.ts";
import { checkInstaller } from "../../../../agent/cli/doctor/installer.ts";
import { checkLogin, type LoginFacts } from "../../../../agent/cli/doctor/login.ts";
import { checkDns, checkPorts, type FirstHop } from "../../../../agent/cli/doctor/network.ts";
import { checkPower } from "../../../../agent/cli/doctor/power.ts";
import { checkReboot, type RebootFacts } from "../../../../agent/cli/doctor/reboot.ts";
import { checkService } from "../../../../agent/cli/doctor/service.ts";
import {
  isBlockedBySandbox,
  checkDisk,
  checkFolder,
  stagingFolder,
  stateFolder,
} from "../../../../agent/cli/doctor/storage.ts";
import { checkTls } from "../../../../agent/cli/doctor/tls.ts";
import { formatFindings } from "../../../../agent/cli/format/format-findings.ts";

/** A finding as a row of a table: level, then what. A fault without a word on what to do is none of ours. */
function said(finding: Finding | undefined): string {
  if (finding === undefined) return "nothing";
  const { level, what, advice } = finding;
  return level === "fault" && advice === undefined ? `fault without advice: ${what}` : `${level}: ${what}`;
}

const hub: FirstHop = { host: "hub.example", port: 8883, kind: "hub" };

describe("service", () => {
  it.each([
    [{ answers: true, active: null, enabled: null }, "ok: the agent runs"],
    [{ answers: true, active: "active", enabled: "enabled" }, "ok: the agent runs"],
    [{ answers: true, active: "active", enabled: "disabled" }, "warning: the agent runs, but not after the next boot"],
    [{ answers: false, active: null, enabled: null }, "warning: no agent runs, and no systemd"],
    [{ answers: false, active: "inactive", enabled: "" }, "fault: systemd knows no boardkeeper-agent.service"],
    [{ answers: false, active: "failed", enabled: "enabled" }, "warning: the service is failed"],
    [
      { answers: false, active: "active", enabled: "enabled" },
      "warning: the service is active, but its agent does not",
    ],
  ])("%j", (facts, expected) => expect(said(checkService(facts))).toContain(expected));
});

describe("configuration", () => {
  it.each([
    [[], [], "ok: without a mistake"],
    [["a: expected b"], ["c"], "fault: a: expected b"],
    [[], ["c is not there"], "warning: c is not there"],
  ])("%j %j", (problems, warnings, expected) => expect(said(checkConfiguration(problems, warnings))).toBe(expected));
});

describe("credentials", () => {
  it.each([
    [{ source: "/c", mode: 0o600, problems: [] }, "ok: /c, for its owner alone"],
    [{ source: "VARIABLE", mode: null, problems: [] }, "ok: from VARIABLE"],
    [{ source: "/c", mode: 0o640, problems: [] }, "fault: other users of this board can read /c (mode 640)"],
    [{ source: "/c", mode: 0o600, problems: ["DeviceId is missing"] }, "fault: DeviceId is missing"],
    [{ source: undefined, mode: null, problems: [] }, "fault: there is no connection string"],
  ])("%j", (facts, expected) => expect(said(checkCredentials(facts))).toBe(expected));

  it("asks for sudo where that is all that is missing", () => {
    const facts = { source: undefined, mode: null, problems: ["provisioned credential: EACCES: permission denied"] };
    expect(checkCredentials(facts).advice).toBe("Run this with sudo");
  });
});

describe("last good configuration", () => {
  const good = { path: "/s/config.last-good.json", isFile: true, mode: 0o600, isOwn: true, user: "keeper" };
  it.each([
    [good, "ok: /s/config.last-good.json, for keeper alone"],
    [{ ...good, mode: 0o640 }, "fault: other users of this board can read /s/config.last-good.json (mode 640)"],
    // What it leads to has a mode and an owner of its own: nothing is said of them.
    [{ ...good, isFile: false, mode: 0o777, isOwn: false }, "fault: /s/config.last-good.json is not a file of its own"],
    [{ ...good, isOwn: false }, "warning: /s/config.last-good.json does not belong to keeper"],
  ])("%j", (facts, expected) => expect(said(checkLastKnownGoodFile(facts))).toContain(expected));

  it("advises nothing that would follow a link which is put there meanwhile", () => {
    expect(checkLastKnownGoodFile({ ...good, isOwn: false }).advice).toBe("chown -h keeper: /s/config.last-good.json");
  });
});

describe("clock", () => {
  const nowMs = Date.parse("2026-01-02T03:00:00Z");
  const by = { nowMs, hubMs: nowMs, synchronized: true, source: "chrony" };
  it.each([
    [by, "ok: set by chrony, 0 seconds from the hub's"],
    [{ ...by, hubMs: null }, "ok: set by chrony"],
    [{ ...by, hubMs: nowMs + 300_000 }, "ok: set by chrony, 5 minutes from the hub's"],
    [{ ...by, hubMs: nowMs + 300_001 }, "fault: it says 2026-01-02T03:00:00.000Z, 5 minutes behind the hub's"],
    [{ ...by, hubMs: nowMs - 86_400_000 * 400 }, "400 days ahead of the hub's"],
    [{ ...by, synchronized: false, source: null }, "warning: no time server has set it since the board started"],
  ])("%j", (facts, expected) => expect(said(checkClock(facts))).toContain(expected));
});

describe("network", () => {
  it.each([
    [{ addresses: ["192.0.2.1"], code: null }, "ok: hub.example is 192.0.2.1"],
    [{ addresses: [], code: "ENOTFOUND" }, "fault: hub.example cannot be resolved (ENOTFOUND)"],
    [{ addresses: [], code: "EAI_AGAIN" }, "fault: hub.example cannot be resolved (EAI_AGAIN): no name server answers"],
  ])("dns %j", (facts, expected) => expect(said(checkDns({ hop: hub, ...facts }))).toBe(expected));

  it.each<[string | null, string | null, string, string]>([
    [null, "ETIMEDOUT", "ok: open at hub.example", ""],
    [
      "ECONNREFUSED",
      null,
      "fault: TCP to hub.example, port 8883, is refused",
      `set hub.transport = "mqtt-ws", since port 443`,
    ],
    ["ETIMEDOUT", null, "most likely a firewall drops it", "mqtt-ws"],
    ["ETIMEDOUT", "ETIMEDOUT", "is not answered", "see whether the hub is up"],
    ["EHOSTUNREACH", "ETIMEDOUT", "cannot be opened (EHOSTUNREACH)", "see whether the hub is up"],
  ])("ports: 8883 %s, 443 %s", (used, other, expected, advice) => {
    const [first, second] = checkPorts(hub, "mqtt", { port: 8883, code: used }, { port: 443, code: other });
    expect(said(first)).toContain(expected);
    expect(first?.advice ?? "").toContain(advice);
    expect(second?.level).toBe("ok");
  });

  it("tells of one port once", () => {
    expect(checkPorts(hub, "mqtt", { port: 1, code: null }, { port: 1, code: null })).toHaveLength(1);
  });
});

describe("tls", () => {
  const shown = { issuer: "Some CA", validFrom: "a", validTo: "b", host: "hub.example", ownAuthority: false };
  it.each<[string | null, string, string]>([
    [null, "ok: trusted: signed by Some CA, valid until b", ""],
    ["CERT_NOT_YET_VALID", "not yet valid (a to b)", "mend that first"],
    ["CERT_HAS_EXPIRED", "no longer valid (a to b)", "mend that first"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "not for hub.example", "HostName"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "does not know: Some CA", "--ca-file"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "does not know: Some CA", "intercepts TLS"],
  ])("%s", (code, expected, advice) => {
    const finding = checkTls({ ...shown, code });
    expect(said(finding)).toContain(expected);
    expect(finding.advice ?? "").toContain(advice);
  });

  it("asks to check the authority that was given", () => {
    const facts = { ...shown, code: "SELF_SIGNED_CERT_IN_CHAIN", ownAuthority: true };
    expect(checkTls(facts).advice).toContain("Check hub.ca-file");
  });

  it("knows when no TLS is spoken", () => {
    expect(said(checkTls({ ...shown, issuer: null, code: "ECONNRESET" }))).toContain(
      "no TLS is spoken there (ECONNRESET)",
    );
  });
});

describe("login and hub tier", () => {
  const failed = (trouble: "refused" | "unreachable"): LoginFacts => ({
    kind: "failed",
    trouble,
    message: "connect: x",
  });
  const noTwin = (trouble: "rejected" | "lost" | "silent" | "throttled" | "quota" | "hub-error"): LoginFacts => ({
    kind: "no-twin",
    trouble,
    message: "twin: x",
  });
  it.each<[LoginFacts, boolean, string, string]>([
    [{ kind: "connected" }, false, "ok: the hub accepts", "ok: the hub has twins"],
    [{ kind: "agent-connected" }, false, "ok: the running agent", "ok: the hub has twins"],
    [{ kind: "not-tried" }, false, "unknown: not tried", "unknown: not looked at"],
    [failed("refused"), false, "wrong key, or the device is disabled or deleted", "unknown"],
    [failed("refused"), true, "as it must with such a clock", "unknown"],
    [failed("unreachable"), true, "fault: no connection: connect: x", "unknown"],
    [
      noTwin("rejected"),
      false,
      "ok",
      "fault: the hub would not give the board its twin (twin: x): most likely it is of the Basic",
    ],
    [noTwin("silent"), false, "ok", "Basic tier"],
    [noTwin("lost"), false, "ok", "or another agent uses the same identity"],
    [noTwin("throttled"), false, "ok", "unknown"],
    [noTwin("quota"), false, "ok", "warning: The hub's messages of today"],
    [noTwin("hub-error"), false, "ok", "unknown: the hub cannot answer now"],
  ])("%j, clock wrong: %s", (facts, clockIsWrong, ofLogin, ofTier) => {
    const [login, tier] = checkLogin(facts, clockIsWrong);
    expect(said(login)).toContain(ofLogin);
    expect(said(tier)).toContain(ofTier);
  });
});

describe("disk and state folder", () => {
  const disk = { path: "/s", freeBytes: 1e9, freeFiles: 9 };
  it.each([
    [disk, "ok: 953.7 MiB are left under /s"],
    [{ ...disk, freeFiles: null }, "ok"],
    [{ ...disk, freeBytes: 0 }, "fault: the disk under /s is full: 0 B are left"],
    [{ ...disk, freeFiles: 0 }, "fault: the disk under /s has room, but for no further file"],
    [{ ...disk, freeBytes: 1_000_000 }, "warning: 976.6 KiB are left under /s, and 64.0 MiB of them are kept free"],
  ])("%j", (facts, expected) => expect(said(checkDisk(facts, 2 ** 26))).toContain(expected));

  it.each<[string | null, string]>([
    [null, "ok: /s, writable by keeper"],
    ["EROFS", "fault: /s lies on a file system that is mounted read-only"],
    ["EACCES", "fault: keeper may not write in /s"],
    ["ENOSPC", "fault: nothing can be written in /s: the disk is full"],
    ["EIO", "fault: writing in /s fails (EIO)"],
    ["ENOTDIR", "fault: /s cannot be used (ENOTDIR)"],
  ])("%s", (code, expected) => {
    const facts = { path: "/s", user: "keeper", exists: true, code };
    expect(said(checkFolder(facts, stateFolder, false))).toContain(expected);
  });

  it("that was moved, and not opened to the service, is told with what opens it", () => {
    const facts = { path: "/media/usb/images", user: "keeper", exists: true, code: null };
    const finding = checkFolder(facts, stagingFolder, true);
    expect(finding).toMatchObject({ check: "staging folder", level: "fault" });
    expect(finding.what).toContain("the sandbox of boardkeeper-agent.service does not let it");
    expect(finding.advice).toContain("ReadWritePaths=/media/usb/images");
    expect(finding.advice).toContain("daemon-reload");
  });

  it.each([
    ["/var/lib/boardkeeper", "strict", "-/run/boardkeeper/requests", false],
    ["/var/lib/boardkeeper/staging", "strict", "", false],
    ["/var/lib/boardkeeper-of-another", "strict", "", true],
    ["/media/usb/images", "strict", "-/run/boardkeeper/requests", true],
    ["/media/usb/images", "strict", "-/run/boardkeeper/requests /media/usb/", false],
    ["/media/usb/images", "strict", "+/media/usb/images", false],
    ["/media/usb/images", "no", "", false],
  ])("%s, with ProtectSystem=%s and ReadWritePaths=%s", (path, protect, paths, expected) => {
    const unit = new Map([
      ["ProtectSystem", protect],
      ["ReadWritePaths", paths],
      ["StateDirectory", "boardkeeper"],
    ]);
    expect(isBlockedBySandbox(path, unit)).toBe(expected);
  });
});

describe("installer", () => {
  const command = { kind: "command", program: "/p", code: null, user: "keeper" };
  it.each([
    [{ ...command, kind: "none", program: null }, "warning: none is configured: reboots work, updates are refused"],
    [{ ...command, kind: "simulated", program: null }, "ok: simulated"],
    [command, "ok: /p"],
    [{ ...command, code: "ENOENT" }, "fault: /p is not there"],
    [{ ...command, code: "EACCES" }, "fault: keeper cannot run /p (EACCES)"],
    [
      { ...command, program: null, helper: { answer: { program: "/i" }, socketState: "active" } },
      "ok: /i, run by root's install helper",
    ],
    [{ ...command, program: null, helper: { answer: { refusal: "No." }, socketState: "active" } }, "fault: No."],
    [
      { ...command, program: null, helper: { answer: { silence: "It is not there" }, socketState: null } },
      "fault: It is not there",
    ],
    [
      { ...command, program: null, helper: { answer: { program: "/i" }, socketState: "failed" } },
      "fault: the install helper cannot be reached: boardkeeper-install.socket is failed",
    ],
    [
      { ...command, program: null, helper: { answer: { program: "/i" }, socketState: null } },
      "fault: the install helper cannot be reached: boardkeeper-install.socket is missing, because there is no systemd here",
    ],
  ])("%j", (facts, expected) => expect(said(checkInstaller(facts))).toBe(expected));
});

describe("reboot", () => {
  const user = "keeper";
  const door = { how: "door", folder: "/d", code: null, bell: "active", user } as const;
  it.each<[RebootFacts, string]>([
    [{ how: "simulated" }, "ok: the simulated board reboots itself"],
    [{ how: "program", program: "/p", code: null, user }, "ok: by /p"],
    [{ how: "program", program: "/p", code: "ENOENT", user }, "fault: keeper cannot run /p (ENOENT)"],
    [{ how: "logind", answer: "yes", user }, "ok: logind lets keeper reboot"],
    [
      { how: "logind", answer: "challenge", user },
      `fault: logind does not let keeper reboot the board without a password`,
    ],
    [{ how: "logind", answer: null, user }, "fault: systemd-logind does not answer"],
    [door, "ok: through root's door, which keeper may use"],
    [{ ...door, code: "ENOENT" }, "fault: there is no reboot door on this board (/d is missing)"],
    [{ ...door, code: "EACCES" }, "fault: keeper may not ask for a reboot"],
    [{ ...door, bell: "inactive" }, "fault: nobody watches root's reboot door: boardkeeper-reboot.path is inactive"],
    [{ ...door, bell: null }, "for want of systemd"],
  ])("%j", (facts, expected) => expect(said(checkReboot(facts))).toContain(expected));

  it("tells how a path unit without [Install] is started", () => {
    expect(checkReboot({ ...door, bell: "inactive" }).advice).toBe("systemctl start boardkeeper-reboot.path");
  });
});

describe("power", () => {
  it.each<[number | null, boolean | null, string]>([
    [null, null, "unknown: not known here"],
    [0, null, "ok: the supply voltage is good"],
    [0x5_0005, null, "fault: the supply voltage is too low now"],
    [0x5_0000, null, "warning: the supply voltage was too low since the board started"],
    [0x8_0008, null, "warning: the processor is slowed down"],
    [0x8_0000, null, "ok"],
    [null, true, "fault: the supply voltage is too low now"],
    [null, false, "ok: the supply voltage is good"],
  ])("throttled %s, alarm %s", (throttled, lowVoltage, expected) => {
    expect(said(checkPower({ throttled, lowVoltage }))).toContain(expected);
  });
});

it("says at the end how many faults there are, and which", () => {
  const text = formatFindings([
    { check: "dns", level: "fault", what: "no", advice: "do" },
    { check: "clock", level: "warning", what: "hm", advice: "do" },
    { check: "tls", level: "ok", what: "yes" },
  ]);
  expect(text).toBe(
    "FAULT    dns    no\n                → do\nWARNING  clock  hm\n                → do\nok       tls    yes\n\n1 fault: dns. 1 warning.\n",
  );
});
