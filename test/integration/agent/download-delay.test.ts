import { describe, expect, it } from "vitest";
import type { Json } from "../../../agent/contract/json.ts";
import { testHub } from "../../support/local-hub.ts";
import { at } from "../../support/paths.ts";
import { setUpUpdate, type UpdateSetup } from "../../support/update-setup.ts";

// Nothing else reports progress for a minute, and a test has no longer: what arrives here was told at once.
describe("why a download is delayed is in the twin at the first failure", () => {
  it.each<[what: string, fail: (setup: UpdateSetup) => void, words: string]>([
    [
      "a server that asks for an hour",
      ({ server }) =>
        (server.answer = (_asked, response) => void response.writeHead(503, { "retry-after": "3600" }).end()),
      "answered with status 503",
    ],
    ["a server that is gone", ({ server }) => server.stop(), "ECONNREFUSED"],
  ])("%s", async (_what, fail, words) => {
    const setup = await setUpUpdate();
    fail(setup);
    expect(await firstReason(setup)).toContain(words);
  });

  it("a certificate of an unknown authority", async () => {
    const { ca } = await testHub();
    const message = await firstReason(await setUpUpdate({ imageCa: ca }));
    expect(message).toContain("is signed by an authority that is not known here");
    expect(message).toContain("set update.ca-file");
  });
});

async function firstReason({ service, request }: UpdateSetup): Promise<Json | undefined> {
  await service.callMethod("firmwareUpdate", request);
  const reported = await service.untilReported(
    "boardkeeper.update.delay.message",
    (message) => typeof message === "string",
  );
  expect(at(reported, "boardkeeper.update.phase")).toBe("downloading");
  return at(reported, "boardkeeper.update.delay.message");
}
