import { chmod, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createGunzip, gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { decompressBySocket } from "../../../../../agent/install-helper/archive/decompress.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const never = new AbortController().signal;
const content = Buffer.alloc(3_000_000, "content");

/** A socket that decompresses as systemd's does; gzip stands for xz and zstd, which a machine may lack. */
async function startSockets(
  answer: (socket: Socket) => unknown = (socket) => socket.pipe(createGunzip()).pipe(socket),
) {
  const folder = await temporaryFolder();
  const program = join(folder, "program");
  await writeFile(program, "");
  await chmod(program, 0o755);
  for (const name of ["unxz", "unzstd"]) {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined); // The other side has had enough.
      answer(socket);
    });
    server.listen(join(folder, `${name}.sock`));
    await once(server, "listening");
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
  }
  return { folder, decompress: decompressBySocket({ folder, pathOf: () => program }) };
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("decompressBySocket", () => {
  it.each(["xz", "zstd"] as const)("hands %s to its socket, and back what comes", async (format) => {
    const { decompress } = await startSockets();
    const out = await all(decompress(format, inPieces(gzipSync(content)), never));
    expect(out.equals(content)).toBe(true);
  });

  it("says which package is missing", async () => {
    const { folder } = await startSockets();
    const decompress = decompressBySocket({ folder, pathOf: () => "/nowhere/xz" });
    await expect(all(decompress("xz", inPieces(content), never))).rejects.toThrow("apt install xz-utils");
    await expect(all(decompress("zstd", inPieces(content), never))).rejects.toThrow("apt install zstd");
  });

  it("says where to look when the socket is not there", async () => {
    const decompress = decompressBySocket({ folder: "/nowhere", pathOf: () => "/bin/sh" });
    await expect(all(decompress("zstd", inPieces(content), never))).rejects.toThrow(
      /status boardkeeper-unzstd\.socket/,
    );
  });

  it("says that the program gave up", async () => {
    const { decompress } = await startSockets((socket) => socket.once("data", () => socket.destroy()));
    const giving = all(decompress("xz", inPieces(content), never));
    await expect(giving).rejects.toMatchObject({
      code: "archive-invalid",
      message: expect.stringContaining("gave up"),
    });
  });

  it("ends with the program's output, where it takes no more", async () => {
    const { decompress } = await startSockets((socket) => socket.end("short"));
    const out = await all(decompress("xz", inPieces(Buffer.from("x")), never));
    expect(out.toString()).toBe("short");
  });

  it("stops a program that says nothing when nobody wants it any more", async () => {
    const stop = new AbortController();
    const { decompress } = await startSockets((socket) => socket.once("data", () => stop.abort(new Error("stopped"))));
    await expect(all(decompress("xz", inPieces(content), stop.signal))).rejects.toThrow("stopped");
  });
});
