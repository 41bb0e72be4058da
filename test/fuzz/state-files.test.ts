import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { expect } from "vitest";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { BootCounterFile } from "../../agent/board/fs/boot-counter-file.ts";
import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import { canonicalJson } from "../../agent/contract/json.ts";
import { actionFor as rebootDuty, type RebootState } from "../../agent/reboot/machine.ts";
import { recoverReboot as resumeReboot } from "../../agent/reboot/recover.ts";
import { describeReboot } from "../../agent/reboot/reboot-snapshot.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import { actionFor } from "../../agent/update/machine.ts";
import { describeUpdate } from "../../agent/update/update-snapshot.ts";
import { recoverUpdate } from "../../agent/update/recover.ts";
import { snapshotWith } from "../support/snapshots.ts";
import { jobWith, states, t } from "../support/updates.ts";
import { checkProperties, counterexample } from "./counterexample.ts";
import { mutated } from "./inputs.ts";
import { MemoryDisk } from "../support/memory-disk.ts";

const job = { operationId: "op-2", reason: "a reason", force: false, acceptedAt: t(1), scheduledFor: t(2) };
const last = { fromBootId: "boot-0", bootId: "boot-1", cause: "requested" as const, at: t(3), clockSynchronized: true };
const reboots: RebootState[] = [
  { phase: "idle", last: null },
  { phase: "scheduled", last, job, bootId: "boot-1", dueBootMs: 5_000 },
  { phase: "rebooting", last, job, cause: "requested", bootId: "boot-1", startedAt: t(4) },
  { phase: "proven", last, job, startedAt: t(4) },
];

const savedWith = (parts: Pick<AgentState, "update" | "reboot">): AgentState => ({
  ...initialState("boot-1"),
  seq: 2,
  handledDesired: { identity: "b".repeat(64), desiredVersion: 3, refused: { code: "bad-request", message: "…" } },
  remote: { identity: "d".repeat(64), desiredVersion: 4, refused: null, applied: { agent: { "log-level": "debug" } } },
  operations: [{ operationId: "op-1", method: "rebootDevice", status: 200, payload: { Response: "…" } }],
  lastProven: { operationId: "op-0", version: "1.0.0", sha256: "c".repeat(64), at: t(0) },
  ...parts,
});
const savedOf = fc
  .record({
    update: fc.constantFrom(...Object.values(states(jobWith({ mirrors: ["https://m.example/x"] })))),
    reboot: fc.constantFrom(...reboots),
  })
  .map(savedWith);

const present = "/state/state.json";

/** A folder with two copies; the present one is then written over. */
async function folderWith(
  saved: AgentState,
  spoil: (present: Buffer) => Buffer,
): Promise<{ disk: MemoryDisk; file: ChecksummedStateFile; previous: AgentState }> {
  const disk = new MemoryDisk();
  const previous = { ...initialState("boot-0"), seq: 1 };
  const writer = new ChecksummedStateFile("/state", disk);
  await writer.save(previous);
  await writer.save(saved);
  disk.files.set(present, spoil(disk.files.get(present) ?? Buffer.alloc(0)));
  return { disk, file: new ChecksummedStateFile("/state", disk), previous };
}

const sealed = (tree: unknown): Buffer => {
  const body = canonicalJson(tree ?? null);
  return Buffer.from(`{"checksum":"${createHash("sha256").update(body).digest("hex")}","saved":${body}}\n`);
};

checkProperties({
  "damaged bytes are this copy, or the one before, and never another": (search) =>
    counterexample(
      fc.asyncProperty(
        savedOf,
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }).map((bytes) => () => Buffer.from(bytes)),
          fc.json().map((text) => () => Buffer.from(text)),
          fc
            .double({ min: 0, max: 1, noNaN: true })
            .map((part) => (whole: Buffer) => whole.subarray(0, Math.floor(part * whole.length))),
          fc
            .array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), {
              minLength: 1,
              maxLength: 4,
            })
            .map((changes) => (whole: Buffer) => {
              const bytes = Buffer.from(whole);
              for (const [part, byte] of changes) bytes[Math.floor(part * bytes.length)] = byte;
              return bytes;
            }),
        ),
        async (saved, spoil) => {
          const { file, previous } = await folderWith(saved, spoil);
          const found = await file.load();
          if (found.problems.length === 0) expect(found.saved).toStrictEqual(saved);
          else {
            expect(found.saved).toStrictEqual(previous);
            expect(found.problems[0]).toContain(present);
          }
          // The one that was read is not lost when the next is saved.
          await file.save({ ...previous, seq: 9 });
          expect(await file.load()).toMatchObject({ saved: { seq: 9 }, problems: [] });
        },
      ),
      search,
    ),

  "content that no agent wrote, under its right checksum, is refused by its field or can be lived with": (search) =>
    counterexample(
      fc.asyncProperty(
        savedOf.chain((saved) => fc.record({ saved: fc.constant(saved), tree: mutated(saved) })),
        fc.constantFrom<string | null>("1.0.0", "2.0.0", null),
        fc.nat(999),
        fc.boolean(),
        async ({ saved, tree }, runningVersion, trialBoots, isOlderCopy) => {
          const { file, previous } = await folderWith(saved, () => sealed(tree));
          const { saved: found, problems } = await file.load();
          if (problems.length > 0) {
            expect(found).toStrictEqual(previous);
            expect(problems[0]).toMatch(/^\/state\/state\.json: [\w.]+: /);
            return;
          }
          if (found === undefined) throw new Error("Nothing was found, and nothing was said of it.");
          const facts = {
            at: t(30),
            bootId: "boot-2",
            savedBootId: found.bootId,
            runningVersion,
            trialBoots,
            isOlderCopy,
          };
          const next = {
            ...found,
            update: recoverUpdate(found.update, facts),
            reboot: resumeReboot(found.reboot, { ...facts, nowBootMs: 0 }),
          };
          const [does, reboot] = [actionFor(next.update), rebootDuty(next.reboot)];
          expect([does?.job ?? null, reboot === undefined || reboot.kind.length > 0]).toStrictEqual([
            does ? (found.update as { job: unknown }).job : null,
            true,
          ]);
          reportedProperties(snapshotWith(describeUpdate(next, null), { reboot: describeReboot(next.reboot) }));
          await file.save(next);
          expect(await file.load()).toStrictEqual({
            saved: JSON.parse(JSON.stringify(next)),
            loadQuality: "latest",
            problems: [],
          });
        },
      ),
      search,
    ),

  "a count of trial boots is what was written, or too many": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.stringMatching(/^trials ?\d{2,4}\n?\n?$/)),
        fc.nat(5_000),
        async (text, count) => {
          const disk = new MemoryDisk();
          const record = new BootCounterFile("/state", disk);
          await record.write(count);
          expect(await record.read()).toBe(Math.min(count, 999));
          disk.files.set("/state/trials", Buffer.from(text));
          const digits = text.slice(7, 10);
          const isOurs =
            text.length === 11 &&
            text === `trials ${digits}\n` &&
            digits.split("").every((one) => "0123456789".includes(one));
          expect(await record.read()).toBe(isOurs ? Number(digits) : 999);
        },
      ),
      search,
    ),
});
