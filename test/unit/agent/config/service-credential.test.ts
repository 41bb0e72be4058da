import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { credentialFile } from "../../../../agent/config/paths.ts";
import { connectionStringSources } from "../../../../agent/config/service-credential.ts";

const encrypted = "/etc/boardkeeper/credentials/encrypted";
const text = "HostName=h;DeviceId=d;SharedAccessKey=YWE=";

/** What `systemctl cat` shows of the shipped unit and a drop-in. */
async function sourcesWith(dropIn: string): Promise<ReturnType<typeof connectionStringSources>> {
  const unit = await readFile("systemd/boardkeeper-agent.service", "utf8");
  return connectionStringSources(`# /lib/x.service\n${unit}\n\n# /etc/x.service.d/y.conf\n${dropIn}\n`);
}

describe("the files from which systemd takes the connection string", () => {
  it("are the provisioned file alone with the shipped unit", async () => {
    expect(await sourcesWith("")).toEqual({
      variable: undefined,
      environmentFiles: [],
      files: [{ path: credentialFile, isEncrypted: false }],
    });
  });

  it("are those of the drop-in that docs/security.md shows", async () => {
    const docs = await readFile("docs/security.md", "utf8");
    const dropIn = /```ini\n([^`]*)```/.exec(docs)?.[1] ?? "";
    expect(dropIn).toContain("[Service]");
    expect((await sourcesWith(dropIn)).files).toEqual([{ path: encrypted, isEncrypted: true }]);
  });

  it.each([
    ["another place", "LoadCredential=connection-string:/boot/secret", [["/boot/secret", false]]],
    [
      "the last of several",
      "LoadCredentialEncrypted=connection-string:/a\nLoadCredential=connection-string:/b",
      [["/b", false]],
    ],
    ["none, where the list is emptied", "LoadCredential=", []],
    // Both settings fill one list.
    ["none, where the other list is emptied", "LoadCredentialEncrypted=", []],
    ["the provisioned file, beside other credentials", "LoadCredential=another:/b", [[credentialFile, false]]],
    ["a line that goes on", "LoadCredential=\\\n  # a comment\n  connection-string:/c", [["/c", false]]],
    [
      "a comment, which says nothing",
      "# LoadCredential=connection-string:/d\n;LoadCredential=",
      [[credentialFile, false]],
    ],
    ["another section, which says nothing", "[Unit]\nLoadCredential=connection-string:/e", [[credentialFile, false]]],
  ])("are %s", async (_what, lines, expected) => {
    const { files } = await sourcesWith(`[Service]\n${lines}`);
    expect(files.map(({ path, isEncrypted }) => [path, isEncrypted])).toEqual(expected);
  });

  const imported = async (lines: string): Promise<Awaited<ReturnType<typeof sourcesWith>>["files"]> =>
    (await sourcesWith(`[Service]\nLoadCredential=\n${lines}`)).files;

  it.each(["ImportCredential=connection-string", "ImportCredential=connection-*", "ImportCredential=*"])(
    "are systemd's own store with %s",
    async (line) => {
      const files = await imported(line);
      expect(files.slice(0, 2).map(({ path }) => path)).toEqual([
        "/run/credentials/@system/connection-string",
        "/etc/credstore/connection-string",
      ]);
      expect(files).toContainEqual({ path: "/etc/credstore.encrypted/connection-string", isEncrypted: true });
      expect(files).toContainEqual({ path: "/etc/credstore/connection-string", isEncrypted: false });
    },
  );

  it.each([
    "ImportCredential=con*:other",
    "ImportCredential=another.*",
    "ImportCredential=connection-string\nImportCredential=",
  ])("are not systemd's own store with %s", async (lines) => expect(await imported(lines)).toEqual([]));

  it("are the store's files of a name without a folder, encrypted ones only where they may be", async () => {
    const plain = (await sourcesWith("[Service]\nLoadCredential=connection-string:hub")).files;
    expect(plain).toContainEqual({ path: "/etc/credstore/hub", isEncrypted: false });
    expect(plain.filter(({ isEncrypted }) => isEncrypted)).toEqual([]);
    const own = (await sourcesWith("[Service]\nLoadCredentialEncrypted=connection-string")).files;
    expect(own).toContainEqual({ path: "/etc/credstore.encrypted/connection-string", isEncrypted: true });
    // systemd falls back on what is imported.
    const both = (await sourcesWith("[Service]\nImportCredential=connection-string")).files;
    expect(both[0]).toEqual({ path: credentialFile, isEncrypted: false });
    expect(both).toContainEqual({ path: "/etc/credstore/connection-string", isEncrypted: false });
  });
});

describe("the connection string in the unit's environment", () => {
  it.each([
    ["Environment=IOTHUB_DEVICE_CONNECTION_STRING=" + text, text],
    [`Environment=A=b "IOTHUB_DEVICE_CONNECTION_STRING=${text}" 'C=d e'`, text],
    [`Environment='IOTHUB_DEVICE_CONNECTION_STRING=${text}'`, text],
    [`Environment=IOTHUB_DEVICE_CONNECTION_STRING=${text}\nEnvironment=A=b`, text],
    [`Environment=IOTHUB_DEVICE_CONNECTION_STRING=${text}\nEnvironment=`, undefined],
    [`Environment=MY_IOTHUB_DEVICE_CONNECTION_STRING=${text}`, undefined],
    ["Environment=IOTHUB_DEVICE_CONNECTION_STRING=", undefined],
  ])("%s", async (line, expected) => {
    expect((await sourcesWith(`[Service]\n${line}`)).variable).toBe(expected);
  });

  it("may be in files", async () => {
    const { environmentFiles } = await sourcesWith(
      "[Service]\nEnvironmentFile=/a\nEnvironmentFile=\nEnvironmentFile=-/etc/default/x\nEnvironmentFile=/b",
    );
    expect(environmentFiles).toEqual(["/etc/default/x", "/b"]);
  });
});
