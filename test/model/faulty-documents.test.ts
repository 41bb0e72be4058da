import { describe, expect, it } from "vitest";
import { canonicalJson, isJsonObject, textAt, type JsonObject } from "../../agent/contract/json.ts";
import { digest } from "./disk-double.ts";
import { explore } from "./explore.ts";
import { scenarios } from "./scenarios.ts";

/* Agents that take a desired document for another one: the invariants have to catch each of them. */

const documents = { ...scenarios.documents, nextDesired: undefined };

/** Does not see that a document was withdrawn. */
const clinging = (desired: JsonObject): JsonObject => ("firmware" in desired ? desired : documents.desired);

/** Takes each content for an operation of its own. */
function takingContentForIdentity({ firmware, ...others }: JsonObject): JsonObject {
  if (!isJsonObject(firmware)) return others;
  return {
    ...others,
    firmware: { ...firmware, operationId: `desired-${digest(canonicalJson(firmware)).slice(0, 12)}` },
  };
}

/** Sees the version and the digest of a document alone. */
function seeingOnlyTheImage({ firmware, ...others }: JsonObject): JsonObject {
  if (!isJsonObject(firmware)) return others;
  const uri = (textAt(firmware, "fwPackageUri") ?? "").replace("mirror.example", "images.example");
  return { ...others, firmware: { ...firmware, fwPackageUri: uri } };
}

describe("an agent that mistakes a desired document is caught", () => {
  it.each<[mistake: string, misreading: (desired: JsonObject) => JsonObject, why: string]>([
    ["does not see that it was withdrawn", clinging, "was withdrawn or replaced, and desired-"],
    ["takes each content for an operation of its own", takingContentForIdentity, "was changed, and desired-"],
    ["sees the image alone", seeingOnlyTheImage, "was to come from https://mirror.example/2.0.0 (manual)"],
  ])("where it %s", async (_mistake, misreading, why) => {
    const { violation } = await explore(documents, { maxFaults: 1, runOptions: { fineSteps: false, misreading } });
    expect(violation?.why).toContain(why);
  });
});
