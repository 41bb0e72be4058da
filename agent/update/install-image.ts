import type { Image, Job } from "./job.ts";
import type { ImagePipeline, StreamInstaller } from "./ports.ts";

/**
 * Hands the staged image to the installer: as a file that was digested again, or byte by byte to one that digests what it gets.
 * May be repeated after a crash in the middle of it.
 */
export async function installImage(
  pipeline: ImagePipeline,
  job: Job,
  image: Image,
  signal: AbortSignal,
): Promise<void> {
  const { installer } = pipeline;
  if (installer.receives === "stream") {
    await streamImage(pipeline, installer, job, image, signal);
    return;
  }
  const staged = await pipeline.openVerified(job, image, signal);
  await installer.prepare(staged, signal);
  await installer.install(staged, signal);
}

async function streamImage(
  pipeline: ImagePipeline,
  installer: StreamInstaller,
  job: Job,
  image: Image,
  signal: AbortSignal,
): Promise<void> {
  const described = pipeline.describe(job, image);
  // Stops an installation that has begun when the staged image cannot be read to its end.
  const stopping = new AbortController();
  const stopped = AbortSignal.any([signal, stopping.signal]);
  try {
    await installer.prepare(described, stopped);
    const resumeAt = await installer.begin(described, stopped);
    for await (const bytes of pipeline.read(image, resumeAt, stopped)) await installer.write(bytes);
    await installer.finish(stopped);
  } finally {
    stopping.abort(new Error("The installation is over."));
  }
}
