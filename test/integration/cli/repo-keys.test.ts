import { generateKeyPairSync } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verifyRoot } from "../../../agent/trust/trust-root.ts";
import type { FakeScreen } from "../../support/fake-context.ts";
import { passphrase, person, runRepo, TestPublisher } from "../../support/signed-repository.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const board = "acme,gateway";

describe("boardkeeper repo init", () => {
  it("makes keys and a repository, and ends once the recovery key was typed back", async () => {
    const home = await temporaryFolder();
    const folder = join(home, "firmware");
    let slips = 1;
    const answer = (question: string, screen: FakeScreen): string => {
      const right = person()(question, screen);
      return question.startsWith("Second") && slips-- > 0 ? right.replace(/..$/, "") : right;
    };
    const made = await runRepo(["init", folder, "-o", "json"], { env: { BOARDKEEPER_HOME: home }, answer });
    expect(made).toMatchObject({
      exitCode: 0,
      err: expect.stringContaining("That is not the key: it has 54 characters"),
    });
    const { root, workingKey, fingerprint, workingKeyId, recoveryKeyId } = JSON.parse(made.out) as Record<
      string,
      string
    >;
    // What the board shows of the same file, before it trusts it.
    expect(fingerprint).toBe(verifyRoot("root.json", await readFile(root ?? "")).fingerprint);
    expect((await runRepo(["verify", folder], { env: {} })).out).toContain(`fingerprint of root 1: ${fingerprint}\n`);
    expect((await stat(workingKey ?? "")).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(workingKey ?? "", "utf8"))).toMatchObject({
      keyId: workingKeyId,
      kdf: { name: "scrypt" },
    });
    expect(JSON.parse(await readFile(root ?? "", "utf8"))).toMatchObject({
      signed: {
        version: 1,
        consistent_snapshot: true,
        roles: {
          root: { keyids: [workingKeyId, recoveryKeyId], threshold: 1 },
          targets: { keyids: [workingKeyId], threshold: 1 },
          snapshot: { keyids: [workingKeyId], threshold: 1 },
          timestamp: { keyids: [workingKeyId], threshold: 1 },
        },
      },
    });
    expect(await runRepo(["verify", folder], { env: {} })).toMatchObject({ exitCode: 0 });
    expect(await runRepo(["init", folder], { env: { BOARDKEEPER_HOME: home }, answer: person() })).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("is a repository already"),
    });
  });

  it("in a pipeline takes the passphrase from a file, and leaves the recovery key in one", async () => {
    const home = await temporaryFolder();
    await writeFile(join(home, "pass"), `${passphrase}\n`);
    const args = ["init", join(home, "r"), "--passphrase-file", join(home, "pass")];
    const env = { BOARDKEEPER_HOME: home };
    expect(await runRepo(args, { env })).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("--recovery-key-file"),
    });
    const file = join(home, "recovery");
    expect(await runRepo([...args, "--recovery-key-file", file], { env })).toMatchObject({ exitCode: 0 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toMatch(/^(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}\n(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}\n$/);
    const again = ["init", join(home, "other"), "--passphrase-file", join(home, "pass"), "--recovery-key-file", file];
    expect(await runRepo(again, { env })).toMatchObject({ exitCode: 2, err: expect.stringContaining("as a new file") });
    expect(await readdir(join(home, "other"))).toStrictEqual([]);
  });

  it.each<[string, (question: string) => string, string]>([
    ["a short passphrase", () => "short", "fewer than 10 characters"],
    ["two passphrases that differ", (question) => `${passphrase}${question}`, "The two passphrases differ"],
  ])("refuses %s", async (_what, answer, message) => {
    const home = await temporaryFolder();
    const { exitCode, err } = await runRepo(["init", join(home, "r")], { env: { BOARDKEEPER_HOME: home }, answer });
    expect([exitCode, err]).toStrictEqual([2, expect.stringContaining(message)]);
  });
});

describe("keys", () => {
  it("are asked for three times, and name the way out", async () => {
    const publisher = await TestPublisher.start();
    const { exitCode, err } = await publisher.typing(person({ passphrase: "forgotten" }), "refresh", publisher.folder);
    expect(exitCode).toBe(2);
    expect(err.match(/Try again/g)).toHaveLength(2);
    expect(err).toContain("rotate --working-key --use-recovery-key");
  });

  it("of another repository sign nothing", async () => {
    const [publisher, other] = [await TestPublisher.start(), await TestPublisher.start()];
    const key = join(other.home, "keys", `${other.keyId.slice(0, 16)}.json`);
    const refused = await publisher.repo("refresh", publisher.folder, "--key", key);
    expect(refused).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("is for another repository. Nothing was signed."),
    });
  });

  it.each<[string, "ed25519" | "ec", string]>([
    ["ECDSA in DER", "ec", "exec openssl dgst -sha256 -sign KEY"],
    ["ECDSA in Base64", "ec", "openssl dgst -sha256 -sign KEY | base64"],
    ["ed25519 as it is", "ed25519", 'cat >"$0.in"; exec openssl pkeyutl -sign -rawin -inkey KEY -in "$0.in"'],
    [
      "ed25519 in hex",
      "ed25519",
      'cat >"$0.in"; openssl pkeyutl -sign -rawin -inkey KEY -in "$0.in" | od -An -v -tx1 | tr -d " \\n"',
    ],
  ])("may be behind a program: %s", async (_what, type, script) => {
    const home = await temporaryFolder();
    const pair =
      type === "ec" ? generateKeyPairSync("ec", { namedCurve: "prime256v1" }) : generateKeyPairSync("ed25519");
    const [key, publicKey, program] = [join(home, "key.pem"), join(home, "key.pub"), join(home, "sign")];
    await writeFile(key, pair.privateKey.export({ format: "pem", type: "pkcs8" }));
    await writeFile(publicKey, pair.publicKey.export({ format: "pem", type: "spki" }));
    await writeFile(program, `#!/bin/sh\n[ -n "$BOARDKEEPER_KEY_ID" ] || exit 3\n${script.replace("KEY", key)}\n`);
    await chmod(program, 0o700);
    const folder = join(home, "r");
    const env = { BOARDKEEPER_HOME: home };
    const made = await runRepo(
      ["init", folder, "--signer", program, "--public-key", publicKey, "--recovery-key-file", join(home, "recovery")],
      { env },
    );
    expect(made).toMatchObject({ exitCode: 0 });
    await writeFile(join(home, "a-1.0.0.img"), "a");
    expect(
      await runRepo(["publish", join(home, "a-1.0.0.img"), "--repo", folder, "--board", board], { env }),
    ).toMatchObject({ exitCode: 0 });
    expect(await runRepo(["verify", folder], { env })).toMatchObject({ exitCode: 0 });
    await writeFile(program, "#!/bin/sh\necho nonsense\n");
    expect(await runRepo(["refresh", folder], { env })).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("is no signature by the key"),
    });
    await writeFile(program, "#!/bin/sh\nexit 4\n");
    expect(await runRepo(["refresh", folder], { env })).toMatchObject({
      exitCode: 1,
      err: expect.stringContaining("failed: it ended with 4"),
    });
  });

  it("sign nothing for a root that somebody else has put into the folder", async () => {
    const publisher = await TestPublisher.start();
    const thief = await TestPublisher.start();
    await mkdir(join(publisher.home, "moved"));
    for (const name of await readdir(join(thief.folder, "metadata"))) {
      await copyFile(join(thief.folder, "metadata", name), join(publisher.folder, "metadata", name));
    }
    expect(await publisher.repo("refresh", publisher.folder)).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining("No key of this repository is at hand"),
    });
  });
});
