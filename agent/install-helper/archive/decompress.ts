import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { connect } from "node:net";
import { addAbortSignal, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ArchiveRefused } from "../../contract/archive-rules.ts";
import { AgentError, errorCode } from "../../lib/errors.ts";
import type { Decompress } from "./content.ts";

/** The programs, where Debian has them, and the packages that they come with. */
const programs = {
  xz: { path: "/usr/bin/xz", packageName: "xz-utils" },
  zstd: { path: "/usr/bin/zstd", packageName: "zstd" },
} as const;

export interface DecompressorOptions {
  /** The folder of the sockets: /run/boardkeeper. */
  readonly folder: string;
  /** Where a program lies, if not where Debian has it. */
  readonly pathOf?: (format: "xz" | "zstd") => string;
}

/**
 * Decompresses through sockets of systemd (`boardkeeper-unxz.socket`, `boardkeeper-unzstd.socket`): for each connection it runs the
 * program as a user that owns nothing, which root's helper, without a capability, could not do itself.
 */
export function decompressBySocket({ folder, pathOf }: DecompressorOptions): Decompress {
  return async function* decompress(format, compressed, signal) {
    const { path, packageName } = programs[format];
    try {
      await access(pathOf?.(format) ?? path, constants.X_OK);
    } catch (cause) {
      throw new AgentError(
        "archive-invalid",
        `The archive is compressed with ${format}, and this board has no ${path}. Install its package (apt install ${packageName}), or publish the release as a tar.gz file.`,
        { cause },
      );
    }
    const socket = connect({ path: `${folder}/un${format}.sock`, allowHalfOpen: true });
    addAbortSignal(signal, socket);
    const feeding = pipeline(Readable.from(compressed, { objectMode: false }), socket);
    feeding.catch(() => undefined); // The same error ends the loop below.
    try {
      const output: AsyncIterable<Uint8Array> = socket;
      yield* output;
    } catch (cause) {
      signal.throwIfAborted();
      throw describe(format, cause);
    } finally {
      socket.destroy();
    }
  };
}

function describe(format: string, cause: unknown): unknown {
  const code = errorCode(cause) ?? "";
  if (["ENOENT", "ECONNREFUSED", "EACCES"].includes(code))
    return new AgentError(
      "installer-failed",
      `The ${format} program cannot be started (${code}). Run on the board: systemctl status boardkeeper-un${format}.socket`,
      { cause },
    );
  // It has ended before it had read everything.
  if (["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"].includes(code))
    return new ArchiveRefused(
      "archive-invalid",
      `The ${format} program gave up: the archive is damaged, or needs too much memory. Its log says why: journalctl -u 'boardkeeper-un${format}@*'. Pack again with a level up to 19 (zstd) or 9 (xz), then publish again.`,
    );
  return cause;
}
