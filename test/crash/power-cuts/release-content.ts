import { createCipheriv, createHash } from "node:crypto";
import { tarOf } from "../../support/tar.ts";

/* The releases that are written, the same each time, and what is noted of them. */

export interface ReleaseStep {
  readonly verb: "install" | "arm" | "commit" | "revert";
  readonly version: string;
}

interface ReleaseMark {
  /** The number of the step. */
  readonly step: number;
  readonly is: "begun" | "done";
}

/** The files of a release: some of one block, some of several. */
export function filesOf(version: string): Readonly<Record<string, Buffer>> {
  const files = { VERSION: 10, "bin/app": 70_000, "lib/deep/data": 300_000, "lib/small": 3_000 };
  return Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => {
      const key = createHash("sha256").update(`${version} ${name}`).digest().subarray(0, 16);
      return [name, createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes))];
    }),
  );
}

/** The archive of a release. */
export function releaseOf(version: string): Buffer {
  const files = Object.entries(filesOf(version)).map(([name, content]) => ({ name, content, mode: 0o755 }));
  return tarOf(...files, { name: "run", type: "2", target: "bin/app" });
}

/** One sector of the log. */
export function markBytesOf(mark: ReleaseMark): Buffer {
  return Buffer.from(JSON.stringify(mark).padEnd(512));
}

export function releaseMarkIn(sector: Buffer): ReleaseMark {
  return JSON.parse(sector.toString()) as ReleaseMark;
}
