import type { Baseline, Image, Job, UpdateState } from "../../agent/update/job.ts";

export const digest = "a".repeat(64);
export const image: Image = { sha256: digest, sizeBytes: 1_000 };
export const before: Baseline = { version: "1.0.0", linkUp: true };
export const t = (second: number): string => `2026-01-02T03:00:${String(second).padStart(2, "0")}.000Z`;

export function jobWith(changes: Partial<Job> = {}): Job {
  return {
    operationId: "op-1",
    origin: "method",
    version: "2.0.0",
    uri: "https://images.example/board.img?sig=secret",
    sha256: digest,
    sizeBytes: null,
    apply: "now",
    rehearsal: false,
    ...changes,
  };
}

type Of<Phase extends UpdateState["phase"]> = Extract<UpdateState, { phase: Phase }>;

/** One state of every phase, as a job has it on its good way; times as if each phase took a second. */
export function states(job: Job = jobWith()): { [Phase in UpdateState["phase"]]: Of<Phase> } {
  const accepted = { accepted: t(1) };
  const downloading = { ...accepted, downloading: t(2) };
  const verifying = { ...downloading, verifying: t(3) };
  const staged = { ...verifying, staged: t(4) };
  const applying = { ...staged, applying: t(5) };
  const rebooting = { ...applying, rebooting: t(6) };
  const proving = { ...rebooting, proving: t(7) };
  const reverting = { ...proving, reverting: t(8) };
  const error = { code: "not-proven", during: "proving", message: "It was not healthy." };
  return {
    idle: { phase: "idle" },
    accepted: { phase: "accepted", job, times: accepted },
    downloading: { phase: "downloading", job, times: downloading, attempt: 1 },
    verifying: { phase: "verifying", job, times: verifying, image },
    staged: { phase: "staged", job, times: staged, image },
    applying: { phase: "applying", job, times: applying, image, before, attempt: 1, installed: null },
    rebooting: {
      phase: "rebooting",
      job,
      times: rebooting,
      image,
      before,
      attempt: 1,
      armed: true,
      fromBootId: "boot-1",
    },
    proving: { phase: "proving", job, times: proving, image, before, restart: "board", proven: false },
    reverting: {
      phase: "reverting",
      job,
      times: reverting,
      image,
      before,
      restart: "board",
      attempt: 1,
      error,
      reverted: false,
      fromBootId: "boot-2",
      end: "rolledBack",
    },
    completed: { phase: "completed", job, times: { ...proving, ended: t(9) } },
    failed: { phase: "failed", job, times: { ...downloading, ended: t(9) }, error },
    rolledBack: { phase: "rolledBack", job, times: { ...reverting, ended: t(9) }, error },
    cancelled: { phase: "cancelled", job, times: { ...downloading, ended: t(9) } },
  };
}
