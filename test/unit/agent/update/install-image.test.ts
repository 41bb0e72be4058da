import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { installImage } from "../../../../agent/update/install-image.ts";
import type { ImagePipeline, Installer, StreamInstaller } from "../../../../agent/update/ports.ts";
import { image, jobWith } from "../../../support/updates.ts";

const never = new AbortController().signal;
const bytes = Buffer.from("the image");

const steps = {
  restart: "board",
  arm: async () => undefined,
  runningVersion: async () => null,
  healthy: async () => undefined,
  commit: async () => undefined,
  revert: async () => undefined,
} as const;

function pipelineWith(installer: Installer, calls: string[], isReadable = true): ImagePipeline {
  const missing = (): never => {
    throw new Error("Not a part of installing.");
  };
  return {
    installer,
    reserveSpace: missing,
    download: missing,
    checkAndStage: missing,
    cleanUp: missing,
    openVerified: async (job, found) => {
      calls.push("digest");
      return { ...found, path: "/staged", version: job.version, operationId: job.operationId };
    },
    read: async function* (_image, fromByte) {
      yield bytes.subarray(fromByte, fromByte + 4);
      if (!isReadable) throw new AgentError("disk-error", "The card is worn out.");
      yield bytes.subarray(fromByte + 4);
    },
    describe: ({ version, operationId }, found) => ({ ...found, path: "/staged", version, operationId }),
  };
}

/** An installer that keeps what it gets; what it has from a former call counts. */
function stream(calls: string[], resumeAt = 0): StreamInstaller & { begun: AbortSignal | undefined } {
  let received = bytes.toString("utf8", 0, resumeAt);
  return {
    ...steps,
    receives: "stream",
    begun: undefined,
    prepare: async () => void calls.push("prepare"),
    async begin(_image, signal): Promise<number> {
      this.begun = signal;
      calls.push("begin");
      return resumeAt;
    },
    write: async (piece) => void (received += Buffer.from(piece).toString()),
    finish: async () => void calls.push(`finish ${received}`),
  };
}

describe("installing a staged image", () => {
  it("hands a file to an installer that takes one, digested again before", async () => {
    const calls: string[] = [];
    const installer: Installer = {
      ...steps,
      receives: "file",
      prepare: async ({ path }) => void calls.push(`prepare ${path}`),
      install: async ({ path }) => void calls.push(`install ${path}`),
    };
    await installImage(pipelineWith(installer, calls), jobWith(), image, never);
    expect(calls).toStrictEqual(["digest", "prepare /staged", "install /staged"]);
  });

  it.each([0, 5, bytes.length])("hands an installer that takes a stream the bytes from %i on", async (resumeAt) => {
    const calls: string[] = [];
    await installImage(pipelineWith(stream(calls, resumeAt), calls), jobWith(), image, never);
    expect(calls).toStrictEqual(["prepare", "begin", "finish the image"]);
  });

  it("stops an installation that has begun when the image cannot be read to its end", async () => {
    const calls: string[] = [];
    const installer = stream(calls);
    await expect(installImage(pipelineWith(installer, calls, false), jobWith(), image, never)).rejects.toMatchObject({
      code: "disk-error",
    });
    expect(calls).toStrictEqual(["prepare", "begin"]);
    expect(installer.begun?.aborted).toBe(true);
  });
});
