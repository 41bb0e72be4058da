import { describe, expect, it } from "vitest";
import type { ActiveUpdate, Job, UpdateState } from "../../../../agent/update/job.ts";
import { changeJob, requireSameSize, resolvedJob } from "../../../../agent/update/job-changes.ts";
import { digest, jobWith, states } from "../../../support/updates.ts";
import { resolved } from "../../../fixtures/update-machine/transitions.ts";

const repository = "https://images.example/repository";
const unresolved = true as const;
const versionAlone = jobWith({ uri: repository, sha256: null, unresolved });
const found = resolvedJob(versionAlone, resolved);

function changed(before: Job, wanted: Partial<Job>, phase: "accepted" | "downloading" | "staged" = "staged"): unknown {
  const state: ActiveUpdate = states(before)[phase];
  const next: UpdateState | undefined = changeJob(state, { ...before, ...wanted });
  return next !== undefined && "job" in next ? next.job : undefined;
}

describe("a job whose signed target is found", () => {
  it("takes address, digest and size from it where the request named a version alone", () => {
    expect(found).toStrictEqual(
      jobWith({ uri: resolved.uri ?? "", sha256: digest, sizeBytes: 1_000, target: { epoch: 3 } }),
    );
  });

  it("keeps the address of its request, and takes the version where that named none", () => {
    const job = jobWith({ version: `sha256:${digest.slice(0, 12)}`, unresolved, mirrors: ["https://b.example/"] });
    expect(resolvedJob(job, resolved)).toStrictEqual(
      jobWith({ sizeBytes: 1_000, target: { epoch: 3 }, mirrors: ["https://b.example/"] }),
    );
  });

  it("must have the size of its request, if that names one", () => {
    expect(requireSameSize(jobWith({ sizeBytes: null }), resolved)).toBe(resolved);
    expect(requireSameSize(jobWith({ sizeBytes: 1_000 }), resolved)).toBe(resolved);
    expect(() => requireSameSize(jobWith({ sizeBytes: 5 }), resolved)).toThrow("says that the image has 5 bytes");
  });
});

describe("a changed document", () => {
  const alone = { uri: repository, sha256: null, sizeBytes: null, unresolved, apply: "manual" } as const;

  it("that names the version alone again changes when to apply, and nothing of what was found", () => {
    const { target: _target, ...without } = alone as Job & typeof alone;
    expect(changed(found, without)).toStrictEqual({ ...found, apply: "manual" });
  });

  it("that names the version alone keeps address and mirrors of the one before", () => {
    const before = jobWith({ target: { epoch: 3 }, sizeBytes: 1_000, mirrors: ["https://b.example/"] });
    const { mirrors: _mirrors, target: _target, ...wanted } = { ...before, ...alone };
    const state = changeJob(states(before).staged, wanted);
    expect(state).toMatchObject({ job: { ...before, apply: "manual" } });
    expect(JSON.stringify(state)).not.toContain("unresolved");
  });

  it("that names an address after a version alone goes on there, with what was found", () => {
    const wanted = { uri: "https://c.example/board.img", sha256: digest, sizeBytes: null, unresolved };
    expect(changed(found, wanted, "downloading")).toStrictEqual({ ...found, uri: wanted.uri });
  });

  it("is taken as a whole while its target is still looked for", () => {
    const wanted = { uri: "https://c.example/board.img", sha256: digest };
    expect(changed(versionAlone, wanted, "accepted")).toStrictEqual({ ...versionAlone, ...wanted });
  });

  it("looks for no target where its update began without one", () => {
    expect(changed(jobWith(), { unresolved, apply: "manual" })).toStrictEqual(jobWith({ apply: "manual" }));
  });
});
