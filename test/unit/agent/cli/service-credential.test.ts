import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  inspectServiceCredential,
  readServiceCredential,
  sourceInstead,
  type ServiceUnitPorts,
} from "../../../../agent/cli/service-credential.ts";
import { watchedCredentialFolders } from "../../../../agent/config/paths.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

interface Setup extends ServiceUnitPorts {
  readonly provisioned: string;
  readonly encrypted: string;
  readonly other: string;
}

/** The shipped unit, with its files in a folder of this test. `lines` go into a drop-in. */
async function setUp(lines: (made: Omit<Setup, keyof ServiceUnitPorts>) => string): Promise<Setup> {
  const folder = await temporaryFolder();
  const made = {
    provisioned: join(folder, "plain"),
    encrypted: join(folder, "encrypted"),
    other: join(folder, "other"),
  };
  const unit = (await readFile("systemd/boardkeeper-agent.service", "utf8")).replaceAll(
    "/etc/boardkeeper/credentials/connection-string",
    made.provisioned,
  );
  await writeFile(made.provisioned, "stale\n");
  return {
    ...made,
    readUnit: () => Promise.resolve(`${unit}\n[Service]\n${lines(made)}\n`),
    decrypt: async (path) => `decrypted ${await readFile(path, "utf8")}`,
  };
}

const encryptedAlone = ({ encrypted }: { readonly encrypted: string }): string =>
  `LoadCredential=\nLoadCredentialEncrypted=connection-string:${encrypted}`;

describe("what systemd would pass to the service", () => {
  it("is the provisioned file with the shipped unit", async () => {
    const made = await setUp(() => "");
    expect(await readServiceCredential(made)).toEqual({ path: made.provisioned, text: "stale\n", isEncrypted: false });
    expect(await sourceInstead(made.provisioned, made)).toBeUndefined();
  });

  it("is the encrypted file of a drop-in, beside a stale one at the usual place", async () => {
    const made = await setUp(encryptedAlone);
    await writeFile(made.encrypted, "cipher");
    expect(await readServiceCredential(made)).toEqual({
      path: made.encrypted,
      text: "decrypted cipher",
      isEncrypted: true,
    });
    expect(await inspectServiceCredential(made)).toEqual({
      stored: { source: made.encrypted, connectionString: "decrypted cipher", isEncrypted: true },
    });
    expect(await sourceInstead(made.provisioned, made)).toBe(made.encrypted);
  });

  it("is the file at another place, beside a stale one at the usual place", async () => {
    const made = await setUp(({ other }) => `LoadCredential=connection-string:${other}`);
    await writeFile(made.other, "mine");
    expect(await readServiceCredential(made)).toEqual({ path: made.other, text: "mine", isEncrypted: false });
    expect(await sourceInstead(made.provisioned, made)).toBe(made.other);
  });

  it.each([
    ["the unit", () => "Environment=IOTHUB_DEVICE_CONNECTION_STRING=mine"],
    ["a file of the unit", ({ other }: { other: string }) => `EnvironmentFile=-${other}`],
  ])("is the variable in %s, beside a stale file", async (_where, lines) => {
    const made = await setUp(lines);
    await writeFile(made.other, "A=b\nIOTHUB_DEVICE_CONNECTION_STRING='mine'\n");
    const source = "IOTHUB_DEVICE_CONNECTION_STRING in the environment of boardkeeper-agent.service";
    expect(await readServiceCredential(made)).toEqual({ path: source, text: "mine", isEncrypted: false });
    expect(await sourceInstead(made.provisioned, made)).toBe(source);
  });

  it("is nothing where that file is missing, whatever lies at the usual place", async () => {
    const made = await setUp(encryptedAlone);
    expect(await readServiceCredential(made)).toBeUndefined();
    expect(await inspectServiceCredential(made)).toEqual({});
    expect(await sourceInstead(made.provisioned, made)).toBe(made.encrypted);
    const none = await setUp(() => "LoadCredential=");
    expect(await sourceInstead(none.provisioned, none)).toBe("no file");
  });

  it("is told with its file where it cannot be read or decrypted", async () => {
    const made = await setUp(encryptedAlone);
    await writeFile(made.encrypted, "cipher");
    const decrypt = (): Promise<string> => Promise.reject(new Error("Command failed\nNo TPM here"));
    const problem = `${made.encrypted} cannot be decrypted: No TPM here`;
    expect(await inspectServiceCredential({ ...made, decrypt })).toEqual({ problem });
    await expect(readServiceCredential({ ...made, decrypt })).rejects.toThrow(problem);
    const folder = await setUp(({ other }) => `EnvironmentFile=${other}`);
    await mkdir(folder.other);
    expect(await inspectServiceCredential(folder)).toEqual({
      problem: expect.stringContaining(`${folder.other} cannot be read: `),
    });
  });

  it("is not examined where there is no unit", async () => {
    const made = { readUnit: () => Promise.resolve(undefined) };
    expect(await inspectServiceCredential(made)).toBeUndefined();
    expect(await sourceInstead("/c", made)).toBeUndefined();
  });
});

it("the path unit watches the folders that doctor takes to be watched", async () => {
  const unit = await readFile("systemd/boardkeeper-credential.path", "utf8");
  expect([...unit.matchAll(/^PathChanged=(.*)$/gm)].map(([, folder]) => folder)).toEqual(watchedCredentialFolders);
});
