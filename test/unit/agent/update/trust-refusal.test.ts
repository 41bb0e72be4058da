import { describe, expect, it } from "vitest";
import { isTrustRefusal, trustRefusal, uploadRefusal } from "../../../../agent/update/trust-refusal.ts";
import { FakeTrustGate } from "../../../support/fake-trust-gate.ts";
import { digest, jobWith } from "../../../support/updates.ts";

const upload = { sha256: digest, sizeBytes: 1_000 };

describe("at once", () => {
  it("a board that trusts nobody installs nothing, with what to type", () => {
    const trust = new FakeTrustGate();
    trust.change({ rule: "nothing" });
    const refused = {
      status: 403,
      code: "trust-root-missing",
      message: expect.stringContaining("sudo boardkeeper-agent trust add root.json"),
    };
    expect(trustRefusal(trust, jobWith())).toMatchObject(refused);
    expect(uploadRefusal(trust, upload)).toMatchObject(refused);
  });

  it("what the metadata on the board refuses is refused", () => {
    const trust = new FakeTrustGate();
    trust.trust();
    trust.atOnce = { status: 403, code: "epoch-too-low", message: "It is too old." };
    expect(trustRefusal(trust, jobWith())).toBe(trust.atOnce);
    expect(uploadRefusal(trust, upload)).toBe(trust.atOnce);
    trust.atOnce = undefined;
    expect(trustRefusal(trust, jobWith())).toBeUndefined();
  });

  it("a dry run is never refused", () => {
    const trust = new FakeTrustGate();
    trust.change({ rule: "nothing" });
    expect(trustRefusal(trust, jobWith({ rehearsal: true, sha256: null }))).toBeUndefined();
  });
});

it("knows what owner and publisher can change from what the request must", () => {
  expect(["trust-root-missing", "metadata-expired", "epoch-too-low"].every(isTrustRefusal)).toBe(true);
  expect(["bad-request", "version-in-use", "no-installer"].some(isTrustRefusal)).toBe(false);
});
