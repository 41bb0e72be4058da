import { expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { receiveMetadata } from "../../../../agent/update/local-metadata.ts";
import { gateWithoutRoot } from "../../../../agent/update/trust-gate.ts";
import { FakeTrustGate } from "../../../support/fake-trust-gate.ts";
import { quiet } from "../../../support/logs.ts";

const never = new AbortController().signal;

it("the images of verified metadata are named", async () => {
  const gate = new FakeTrustGate();
  const image = { version: "1.0.0", sha256: "a".repeat(64), sizeBytes: 5, epoch: 2, uri: null };
  gate.targets = [image];
  expect(await receiveMetadata(gate, new Map(), quiet, never)).toStrictEqual({
    status: 200,
    payload: {
      Response: "The repository has 1 image for this board.",
      images: [{ version: "1.0.0", sha256: "a".repeat(64), sizeBytes: 5, epoch: 2, path: "fake-board/1.0.0.img" }],
    },
  });
});

it.each([
  [new AgentError("metadata-signature", "Too few signatures."), 403, "metadata-signature", "Too few signatures."],
  [new TypeError("no function"), 500, "internal", "A fault in the agent: no function"],
])("metadata that cannot be used is refused with its code: %s", async (failure, status, code, message) => {
  const gate = new FakeTrustGate();
  gate.failure = failure;
  expect(await receiveMetadata(gate, new Map(), quiet, never)).toStrictEqual({
    status,
    payload: { Response: message, error: { code, message } },
  });
});

it("a board that trusts nobody takes none", async () => {
  const gate = gateWithoutRoot({ rule: "digest", unsignedAllowed: true, compatible: [] });
  expect(await receiveMetadata(gate, new Map(), quiet, never)).toMatchObject({
    status: 403,
    payload: { error: { code: "trust-root-missing" } },
  });
});
