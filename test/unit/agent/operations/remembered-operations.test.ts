import { describe, expect, it } from "vitest";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import {
  operationIdInUse,
  rememberOperation,
  repeatedReply,
  type NamedOperation,
} from "../../../../agent/operations/remembered-operations.ts";
import { digest, jobWith, states, t } from "../../../support/updates.ts";

const other = "b".repeat(64);
const image = { version: "2.0.0", sha256: digest };
const update: NamedOperation = { operationId: "op-1", method: "firmwareUpdate", image };
const reboot: NamedOperation = { operationId: "op-1", method: "rebootDevice", image: undefined };
const answered = { status: 200, payload: { Response: "Done" } };
const state = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), ...changes });
const rebootJob = { operationId: "op-1", reason: null, force: false, acceptedAt: t(0), scheduledFor: t(1) };

/** Every place in the saved state that knows the update op-1 of `image`. */
const knowsUpdate: [string, Partial<AgentState>][] = [
  ["remembered", { operations: [{ operationId: "op-1", method: "firmwareUpdate", ...answered, image }] }],
  ["proven last", { lastProven: { operationId: "op-1", ...image, at: t(9) } }],
  [
    "declared last",
    {
      handledDesired: {
        identity: digest,
        desiredVersion: 3,
        refused: null,
        operation: { operationId: "op-1", ...image },
      },
    },
  ],
  ...Object.values(states(jobWith()))
    .filter(({ phase }) => phase !== "idle")
    .map((one): [string, Partial<AgentState>] => [one.phase, { update: one }]),
];
const knowsReboot: [string, Partial<AgentState>][] = [
  ["remembered", { operations: [{ operationId: "op-1", method: "rebootDevice", ...answered }] }],
  ["scheduled", { reboot: { phase: "scheduled", last: null, job: rebootJob, bootId: "boot-1", dueBootMs: 5 } }],
  ["cancelled", { reboot: { phase: "cancelled", last: null, job: rebootJob } }],
];

describe.each(knowsUpdate)("an id of an update that is %s", (_where, changes) => {
  it("stands for the same update", () => {
    expect(operationIdInUse(state(changes), update)).toBeUndefined();
  });

  it.each<[string, NamedOperation, string]>([
    [
      "another version",
      { ...update, image: { ...image, version: "2.0.1" } },
      "this is an update to 2.0.1 (SHA-256 aaaaaaaaaaaa…)",
    ],
    [
      "another digest",
      { ...update, image: { ...image, sha256: other } },
      "this is an update to 2.0.0 (SHA-256 bbbbbbbbbbbb…)",
    ],
    [
      "a dry run",
      { ...update, image: { version: "rehearsal", sha256: null } },
      "this is an update to rehearsal (a dry run)",
    ],
    ["a reboot", reboot, "this is a reboot"],
  ])("does not stand for %s", (_what, wanted, words) => {
    expect(operationIdInUse(state(changes), wanted)).toStrictEqual({
      status: 409,
      code: "operation-id-in-use",
      message: `The operation id op-1 belongs to an update to 2.0.0 (SHA-256 aaaaaaaaaaaa…), and ${words}. Give each operation an id of its own.`,
    });
  });

  it("leaves other ids free", () => {
    expect(operationIdInUse(state(changes), { ...update, operationId: "op-2", image: undefined })).toBeUndefined();
    expect(operationIdInUse(state(changes), { ...reboot, operationId: "op-2" })).toBeUndefined();
  });
});

describe.each(knowsReboot)("an id of a reboot that is %s", (_where, changes) => {
  it("stands for a reboot only", () => {
    expect(operationIdInUse(state(changes), reboot)).toBeUndefined();
    expect(operationIdInUse(state(changes), update)?.message).toContain("belongs to a reboot, and this is an update");
  });
});

describe("an operation that a release before has remembered", () => {
  const saved = state({ operations: [{ operationId: "op-1", method: "firmwareUpdate", ...answered }] });

  it("matches any image, and no other kind", () => {
    expect(operationIdInUse(saved, { ...update, image: { version: "9", sha256: other } })).toBeUndefined();
    expect(operationIdInUse(saved, reboot)?.message).toContain("belongs to an update, and this is a reboot");
  });
});

it("an update that failed without a job in the state of the reboot is no obstacle", () => {
  const error = { code: "reboot-never-came", during: "rebooting", message: "…" };
  const saved = state({ reboot: { phase: "failed", last: null, job: null, error } });
  expect(operationIdInUse(saved, update)).toBeUndefined();
});

it("the first reply is given again, for the same method only", () => {
  const operations = rememberOperation([], { operationId: "op-1", method: "firmwareUpdate", ...answered, image });
  expect(repeatedReply(operations, "firmwareUpdate", "op-1")).toStrictEqual({
    status: 200,
    payload: { Response: "Done", repeated: true },
  });
  expect(repeatedReply(operations, "rebootDevice", "op-1")).toBeUndefined();
  expect(repeatedReply(operations, "firmwareUpdate", "op-2")).toBeUndefined();
});

it("the last 32 are remembered", () => {
  let operations: ReturnType<typeof rememberOperation> = [];
  for (let count = 1; count <= 33; count += 1)
    operations = rememberOperation(operations, { operationId: `op-${count}`, method: "rebootDevice", ...answered });
  expect(operations.map(({ operationId }) => operationId)).toStrictEqual(
    Array.from({ length: 32 }, (_, index) => `op-${index + 2}`),
  );
});
