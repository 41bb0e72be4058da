import { describe, expect, it } from "vitest";
import { checkCredentials, checkLastKnownGoodFile } from "../../../../../agent/cli/doctor/credentials.ts";
import { describeFinding } from "../../../../support/findings.ts";

describe("credentials", () => {
  it.each([
    [{ source: "/c", mode: 0o600, problems: [], isEncrypted: false }, "ok: /c, readable by its owner alone"],
    [{ source: "VARIABLE", mode: null, problems: [], isEncrypted: false }, "ok: from VARIABLE"],
    [
      { source: "/c", mode: 0o640, problems: [], isEncrypted: false },
      "fault: other users of this board can read /c (mode 640)",
    ],
    [
      { source: "/c", mode: 0o600, problems: ["DeviceId is missing"], isEncrypted: false },
      "fault: DeviceId is missing",
    ],
    [{ source: "/c", mode: null, problems: [], isEncrypted: true }, "ok: /c, encrypted with a key of this board"],
    [{ source: undefined, mode: null, problems: [], isEncrypted: false }, "fault: there is no connection string"],
  ])("%j", (facts, expected) => expect(describeFinding(checkCredentials(facts))).toBe(expected));

  it.each([
    [{ source: undefined, mode: null, problems: ["/c cannot be decrypted: No TPM"], isEncrypted: false }],
    [{ source: "/c", mode: null, problems: ["/c: DeviceId is missing"], isEncrypted: true }],
  ])("advises to encrypt the right one again: %j", (facts) => {
    expect(checkCredentials(facts).level).toBe("fault");
    expect(checkCredentials(facts).advice).toMatch(/^Encrypt the right connection string again/);
  });

  it("advises sudo where only the rights are missing", () => {
    const facts = {
      source: undefined,
      mode: null,
      problems: ["provisioned credential: EACCES: permission denied"],
      isEncrypted: false,
    };
    expect(checkCredentials(facts).advice).toBe("Run this with sudo");
  });
});

describe("last known good configuration", () => {
  const good = { path: "/s/config.last-good.json", isFile: true, mode: 0o600, isOwn: true, user: "keeper" };
  it.each([
    [good, "ok: /s/config.last-good.json, readable by keeper alone"],
    [{ ...good, mode: 0o640 }, "fault: other users of this board can read /s/config.last-good.json (mode 640)"],
    // What it leads to has a mode and an owner of its own: nothing is said of them.
    [
      { ...good, isFile: false, mode: 0o777, isOwn: false },
      "fault: /s/config.last-good.json is a link, or has another name too",
    ],
    [{ ...good, isOwn: false }, "warning: /s/config.last-good.json does not belong to keeper"],
  ])("%j", (facts, expected) => expect(describeFinding(checkLastKnownGoodFile(facts))).toContain(expected));

  it("advises nothing that would follow a link which is put there meanwhile", () => {
    expect(checkLastKnownGoodFile({ ...good, isOwn: false }).advice).toBe("chown -h keeper: /s/config.last-good.json");
  });
});
