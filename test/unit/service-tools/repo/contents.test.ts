import { describe, expect, it } from "vitest";
import type { RepositorySource } from "../../../../service-tools/repo/source.ts";
import { verifyRepository } from "../../../../service-tools/repo/verify.ts";
import { TufRepository } from "../../../support/tuf-repository.ts";

function sourceOf(repository: TufRepository): RepositorySource {
  const read = async (path: string): Promise<Buffer | undefined> => {
    const bytes = repository.files.get(path.replace(/^metadata\//, ""));
    return bytes && Buffer.from(bytes);
  };
  return { name: "the repository", read, stream: async () => undefined };
}

describe("what a repository holds", () => {
  it("is read by its last root, however many there are", async () => {
    const now = new Date();
    const repository = new TufRepository({ now });
    while (repository.rootVersion < 258) repository.writeRoot({}, now);
    const options = { seed: undefined, withImages: false, now, signal: new AbortController().signal };
    const { contents, problems } = await verifyRepository(sourceOf(repository), options);
    expect(contents.root.version).toBe(258);
    expect(problems).toStrictEqual([]);
  });
});
