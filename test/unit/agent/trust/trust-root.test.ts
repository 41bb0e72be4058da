import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { verifyRoot } from "../../../../agent/trust/trust-root.ts";
import { daysLater, put, recovery, testKey, TufRepository, working } from "../../../support/tuf-repository.ts";

const verified = (repository: TufRepository, name = "1.root.json") => verifyRoot(name, repository.file(name));

describe("a root that a person is about to trust", () => {
  it("is signed by itself, and named by its keys", () => {
    const text = `boardkeeper-root-1 1\n${[working.id, recovery.id].sort().join("\n")}`;
    expect(verified(new TufRepository())).toStrictEqual({
      version: 1,
      expires: "2037-03-01T12:00:00.000Z",
      fingerprint: createHash("sha256").update(text).digest("hex"),
    });
  });

  it("keeps its fingerprint when it is signed again, and when keys of other roles change", () => {
    const repository = new TufRepository();
    repository.writeRoot({ targets: { keys: [testKey("new")], threshold: 1 } }, daysLater(9));
    const { version, fingerprint } = verified(repository, "2.root.json");
    expect(version).toBe(2);
    expect(fingerprint).toBe(verified(repository).fingerprint);
  });

  it.each([
    ["another key", { keys: [working, testKey("another")], threshold: 1 }],
    ["one key less", { keys: [working], threshold: 1 }],
    ["a key more", { keys: [working, recovery, testKey("more")], threshold: 1 }],
    ["another threshold", { keys: [working, recovery], threshold: 2 }],
  ])("has another fingerprint with %s", (_what, root) => {
    const repository = new TufRepository();
    repository.writeRoot({ root });
    expect(verified(repository, "2.root.json").fingerprint).not.toBe(verified(repository).fingerprint);
  });

  it("has the same one in whatever order its keys are listed", () => {
    const repository = new TufRepository();
    repository.writeRoot({ root: { keys: [recovery, working], threshold: 1 } });
    expect(verified(repository, "2.root.json").fingerprint).toBe(verified(repository).fingerprint);
  });

  it.each([
    ["that others have signed", { signWith: { root: [testKey("thief")] } }, "metadata-signature"],
    ["with another version than was signed", { edit: { root: put(["version"], "1") } }, "metadata-invalid"],
  ])("%s is refused", (_what, changes, code) => {
    const repository = new TufRepository();
    repository.writeRoot({}, undefined, changes);
    expect(() => verified(repository, "2.root.json")).toThrow(expect.objectContaining({ code }));
  });

  it("must be a root", () => {
    const repository = new TufRepository();
    expect(() => verified(repository, "timestamp.json")).toThrow(AgentError);
    expect(() => verifyRoot("root.json", new Uint8Array(70_000))).toThrow(
      expect.objectContaining({ code: "metadata-too-large" }),
    );
  });
});
