import { constants } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { NotRegularFile } from "../../../../agent/lib/errors.ts";
import { openRegularFile, readRegularFile } from "../../../../agent/lib/regular-file.ts";
import { specialFiles } from "../../../support/special-files.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

it("reads a file as large as it may be, and none that is larger", async () => {
  const path = join(await temporaryFolder(), "file");
  await writeFile(path, "ä".repeat(50_000));
  expect(await readRegularFile(path, 100_000)).toBe("ä".repeat(50_000));
  await expect(readRegularFile(path, 99_999)).rejects.toThrow(`${path} has more than 99999 bytes`);
});

it.each(specialFiles)("names %s instead of reading it or waiting for it", async (what, make) => {
  const path = join(await temporaryFolder(), "file");
  await make(path);
  await expect(readRegularFile(path, 1_000)).rejects.toThrow(new NotRegularFile(`${path} is ${what}, not a file`));
  await expect(openRegularFile(path, constants.O_RDWR | constants.O_CREAT)).rejects.toThrow(NotRegularFile);
});

it("names a socket", async () => {
  const path = join(await temporaryFolder(), "socket");
  const server = createServer().listen(path);
  await once(server, "listening");
  await expect(readRegularFile(path, 1_000)).rejects.toThrow(`${path} is a socket, not a file`);
  server.close();
});

it("leaves it to the system to say that there is nothing", async () => {
  const path = join(await temporaryFolder(), "none");
  await expect(readRegularFile(path, 1_000)).rejects.toMatchObject({ code: "ENOENT" });
  await (await openRegularFile(path, constants.O_RDWR | constants.O_CREAT)).close();
  expect(await readRegularFile(path, 1_000)).toBe("");
});
