import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFirstCredential } from "../../../../../agent/board/systemd/stored-credential.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

async function setUp(): Promise<{ plain: string; encrypted: string; read: () => Promise<unknown> }> {
  const folder = await temporaryFolder();
  const [plain, encrypted] = [join(folder, "plain"), join(folder, "encrypted")];
  const files = [
    { path: plain, isEncrypted: false },
    { path: encrypted, isEncrypted: true },
  ];
  const decrypt = async (): Promise<string> => await Promise.reject(new Error("Command failed: decrypt\nNo TPM here"));
  const readable = async (path: string): Promise<string> => (path === encrypted ? "secret" : await decrypt());
  let isReadable = false;
  return {
    plain,
    encrypted,
    read: async () => {
      isReadable = !isReadable;
      return await readFirstCredential(files, isReadable ? readable : decrypt);
    },
  };
}

describe("the stored credential", () => {
  it("is none where no file is", async () => {
    expect(await (await setUp()).read()).toBeUndefined();
  });

  it("is the first file that exists, an encrypted one decrypted", async () => {
    const { plain, encrypted, read } = await setUp();
    await writeFile(encrypted, "cipher");
    expect(await read()).toEqual({ path: encrypted, isEncrypted: true, text: "secret" });
    await writeFile(plain, "open\n");
    expect(await read()).toEqual({ path: plain, isEncrypted: false, text: "open\n" });
  });

  it("passes over what the system was given at boot where a sandbox hides it", async () => {
    const { plain, encrypted } = await setUp();
    await writeFile(plain, "open");
    await writeFile(encrypted, "cipher");
    const hidden = async (): Promise<string> =>
      await Promise.reject(Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" }));
    const next = { path: plain, isEncrypted: false };
    const received = { path: encrypted, isEncrypted: true, isReceived: true };
    expect(await readFirstCredential([received, next], hidden)).toEqual({ ...next, text: "open" });
    const own = { path: encrypted, isEncrypted: true };
    await expect(readFirstCredential([own, next], hidden)).rejects.toThrow("EACCES");
  });

  it("names the file that cannot be read, and why", async () => {
    const { plain, encrypted, read } = await setUp();
    await writeFile(encrypted, "cipher");
    await read();
    await expect(read()).rejects.toThrow(`${encrypted} cannot be decrypted: No TPM here`);
    await mkdir(plain);
    await expect(read()).rejects.toThrow(`${plain} cannot be read: ${plain} is a folder, not a file`);
  });
});
