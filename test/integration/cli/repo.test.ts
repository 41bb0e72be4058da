import { describe, expect, it } from "vitest";
import { TestPublisher } from "../../support/signed-repository.ts";

describe("boardkeeper repo", () => {
  it("publishes an image that verifies", async () => {
    const publisher = await TestPublisher.start();
    const image = await publisher.file("system-1.2.0.img", "an image");
    const published = await publisher.repo(
      "publish",
      image,
      "--repo",
      publisher.folder,
      "--board",
      "acme,gateway",
      "-o",
      "json",
    );
    expect(published).toMatchObject({ exitCode: 0, err: expect.stringContaining("version 1.2.0 (from its name)") });
    expect(JSON.parse(published.out)).toMatchObject({
      version: "1.2.0",
      boards: ["acme,gateway"],
      epoch: 0,
      installer: "command",
    });
    const verified = await publisher.repo("verify", publisher.folder);
    expect(verified).toMatchObject({ exitCode: 0, out: expect.stringContaining("in order: root 1, 1 images") });
  });
});
