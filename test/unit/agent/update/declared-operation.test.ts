import { describe, expect, it } from "vitest";
import { rejectRequest } from "../../../../agent/contract/error-response.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import { hasNewAddress, hasOtherAddresses, repeatedOperation } from "../../../../agent/update/declared-operation.ts";
import {
  decideDesired,
  decideNoDesired,
  type DesiredOutcome,
} from "../../../../agent/update/desired-firmware-decisions.ts";
import type { Job, UpdateState } from "../../../../agent/update/job.ts";
import { isBeforeInstall, isRunning } from "../../../../agent/update/machine.ts";
import { decideApply } from "../../../../agent/update/request-decisions.ts";
import { digest, jobWith, states, t } from "../../../support/updates.ts";

const at = t(30);
const b = "https://images.example/b.img";
const operation = { operationId: "desired-1", version: "2.0.0", sha256: digest };
const handledDesired = { identity: "i1", desiredVersion: 3, refused: null, operation };
const declared = jobWith({ origin: "desired", operationId: "desired-1", apply: "window" });
const saved = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), handledDesired, ...changes });

/** Handles a document with another content; without an id of its own, its job gets a generated one. */
function change(
  state: AgentState,
  changes: Partial<Job>,
  identity = "i2",
): { state: AgentState; kind: DesiredOutcome["kind"] } {
  const job = { ...declared, operationId: "desired-2", ...changes };
  const parsed = { ok: true, value: { job, callerGaveId: changes.operationId !== undefined } } as const;
  const { change: changed, answer } = decideDesired(state, { identity, desiredVersion: 4, parsed }, "1.0.0", at);
  return { state: { ...state, ...changed }, kind: answer.kind };
}

function jobOf(update: UpdateState): Job | undefined {
  return "job" in update ? update.job : undefined;
}

const all = Object.values(states(declared));
const running = all.filter(isRunning);
const changeable = running.filter(isBeforeInstall);
const late = running.filter((update) => !isBeforeInstall(update));
const failedWhile = (during: string): UpdateState => ({
  ...states(declared).failed,
  error: { code: "http-status", during, message: "It failed." },
});
const unreachable = { code: "unreachable", during: "downloading", message: "No answer." };
const ended = [
  ...(["completed", "rolledBack", "cancelled"] as const).map((phase) => states(declared)[phase]),
  ...["accepted", "verifying", "staged", "applying", "reverting"].map(failedWhile),
];

describe("a changed document of the same operation", () => {
  it.each(changeable)("changes its update that is $phase in place: addresses, size, when to apply", (update) => {
    const wanted: Partial<Job> = {
      uri: b,
      mirrors: ["https://images.example/c.img"],
      sizeBytes: 1_000,
      apply: "now",
      startBy: t(50),
    };
    const { state, kind } = change(saved({ update }), wanted);
    expect(kind).toBe("changed");
    expect(state.update).toStrictEqual({ ...update, job: { ...declared, ...wanted } });
    expect(state.handledDesired).toStrictEqual({ ...handledDesired, identity: "i2", desiredVersion: 4 });
  });

  it.each(changeable)("takes from its update that is $phase what it no longer has", (update) => {
    const before = { ...update, job: { ...declared, mirrors: [b], sizeBytes: 7, startBy: t(50) } };
    expect(change(saved({ update: before }), {}).state.update).toStrictEqual({ ...update, job: declared });
  });

  it("begins a download anew at new addresses: with all its tries, and not for a change of something else", () => {
    const update = { ...states(declared).downloading, attempt: 99 };
    expect(change(saved({ update }), { uri: b }).state.update).toMatchObject({ attempt: 1, job: { uri: b } });
    expect(change(saved({ update }), { mirrors: [b] }).state.update).toMatchObject({ attempt: 1 });
    expect(change(saved({ update }), { apply: "manual" }).state.update).toMatchObject({ attempt: 99 });
  });

  it.each(late)("has no effect on its update that is $phase, and is remembered", (update) => {
    const { state, kind } = change(saved({ update }), { uri: b, apply: "manual" });
    expect([kind, state.update]).toStrictEqual(["noEffect", update]);
    expect(state.handledDesired).toMatchObject({ identity: "i2", desiredVersion: 4, operation });
  });

  it.each(ended)("does not start its update again that has ended as $phase ($error.during)", (update) => {
    const { state, kind } = change(saved({ update }), { uri: b, mirrors: [], apply: "now", startBy: t(59) });
    expect([kind, state.update]).toStrictEqual(["noEffect", update]);
    expect(state.handledDesired).toMatchObject({ identity: "i2" });
  });

  it.each<[string, Partial<Job>, DesiredOutcome["kind"]]>([
    ["another address", { uri: b }, "accepted"],
    ["a newly signed one", { uri: declared.uri.replace("secret", "new") }, "accepted"],
    ["one mirror more", { mirrors: [b] }, "accepted"],
    ["another time to apply it", { apply: "manual" }, "noEffect"],
    ["another size", { sizeBytes: 9 }, "noEffect"],
    ["another time to begin by", { startBy: t(59) }, "noEffect"],
  ])("starts its update again that has failed while fetching: with %s", (_what, changes, kind) => {
    expect(change(saved({ update: failedWhile("downloading") }), changes).kind).toBe(kind);
  });

  it("starts it again as often as it fails there, also across a withdrawal, and not at an address that it has tried", () => {
    const first = change(saved({ update: failedWhile("downloading") }), { uri: b });
    const again: UpdateState = {
      ...states({ ...declared, uri: b }).failed,
      job: jobOf(first.state.update) ?? declared,
      error: { code: "unreachable", during: "downloading", message: "It failed." },
    };
    const failed = { ...first.state, update: again };
    const withdrawn = { ...failed, ...decideNoDesired(failed, at).change };
    expect(change(withdrawn, { uri: b, apply: "manual" }, "i3").kind).toBe("noEffect");
    expect(change(withdrawn, {}, "i1").kind).toBe("accepted");
  });

  it("does not take back what applyFirmwareUpdate has ordered", () => {
    const state = saved({ update: states({ ...declared, apply: "manual" }).staged });
    const ordered = { ...state, ...decideApply(state, undefined).change };
    const { state: after } = change(ordered, { uri: b, apply: "manual" });
    expect(after.update).toMatchObject({ phase: "staged", job: { uri: b, apply: "now" } });
  });

  it.each(all)("has no effect where a method has overtaken it: $phase", (update) => {
    const state = saved({ update: "job" in update ? { ...update, job: jobWith({ version: "3.0.0" }) } : update });
    const { kind, state: after } = change(state, { uri: b });
    expect([kind, after.update]).toStrictEqual(["noEffect", state.update]);
  });
});

describe("a changed document whose update is not the last one", () => {
  it("does not start again where the last update, of a method, has failed while fetching", () => {
    const update: UpdateState = { ...states(jobWith()).failed, error: unreachable };
    expect(change(saved({ update }), { uri: b })).toMatchObject({ kind: "noEffect", state: { update } });
  });

  it("leaves a declared update of another id alone", () => {
    const update = states({ ...declared, operationId: "desired-9" }).downloading;
    expect(change(saved({ update }), { uri: b })).toMatchObject({ kind: "noEffect", state: { update } });
  });

  it("of a version that runs as another image is refused, and what was declared before stays known", () => {
    const taken = { operationId: "op-0", version: "1.0.0", sha256: digest, at: t(0) };
    const state = saved({ update: failedWhile("verifying"), lastProven: taken });
    const other = change(state, { version: "1.0.0", sha256: "b".repeat(64) });
    expect([other.kind, other.state.handledDesired?.operation]).toStrictEqual(["refused", operation]);
    expect(change(other.state, {}, "i1").kind).toBe("noEffect");
  });
});

describe("which documents are the same operation", () => {
  const withId = (operationId: string): AgentState =>
    saved({
      update: failedWhile("verifying"),
      handledDesired: { ...handledDesired, operation: { ...operation, operationId } },
    });

  it.each<[string, AgentState, Partial<Job>, DesiredOutcome["kind"]]>([
    ["the same version and digest, without an id", saved({ update: failedWhile("verifying") }), {}, "noEffect"],
    ["the same id", withId("mine"), { operationId: "mine" }, "noEffect"],
    ["an id less", withId("mine"), {}, "noEffect"],
    ["an id more", saved({ update: failedWhile("verifying") }), { operationId: "mine" }, "accepted"],
    ["another id", withId("mine"), { operationId: "again" }, "accepted"],
    ["another version", saved({ update: failedWhile("verifying") }), { version: "2.0.1" }, "accepted"],
    ["another digest", saved({ update: failedWhile("verifying") }), { sha256: "b".repeat(64) }, "accepted"],
    ["a dry run, which has no digest", saved({}), { sha256: null, rehearsal: true }, "accepted"],
  ])("%s", (_what, state, changes, kind) => {
    expect(change(state, { uri: b, ...changes }).kind).toBe(kind);
  });

  it.each(changeable)(
    "a new id replaces the update that is $phase, and the one before is not known any more",
    (update) => {
      const roomy = change(saved({ update }), { operationId: "again" });
      expect([roomy.kind, roomy.state.update.phase, roomy.state.handledDesired]).toStrictEqual([
        "replaced",
        "cancelled",
        null,
      ]);
      const { state, kind } = change(roomy.state, { operationId: "again" });
      expect([kind, jobOf(state.update)?.operationId]).toStrictEqual(["accepted", "again"]);
      expect(state.handledDesired?.operation?.operationId).toBe("again");
      expect(change(roomy.state, {}, "i1").kind).toBe("accepted");
    },
  );

  it.each(Object.values(states()).filter((update) => "job" in update))(
    "the id of an update that a method has asked for is that update, and leaves it alone: $phase",
    (update) => {
      const { state, kind } = change(saved({ update, handledDesired: null }), { operationId: "op-1", uri: b });
      expect([kind, state.update]).toStrictEqual(["noEffect", update]);
      expect(state.handledDesired?.operation?.operationId).toBe("op-1");
    },
  );

  it("one with an id that was withdrawn is not known any more, and starts when it is declared again", () => {
    const known = { ...handledDesired, operation: { ...operation, operationId: "mine" } };
    const update = states({ ...declared, operationId: "mine" }).staged;
    const state = saved({ update, handledDesired: known });
    const withdrawn = { ...state, ...decideNoDesired(state, at).change };
    expect(change(withdrawn, { operationId: "mine" }, "i1")).toMatchObject({
      kind: "accepted",
      state: { update: { phase: "accepted", job: { operationId: "mine" } } },
    });
  });

  it("compares addresses in their order, and looks for new ones in any", () => {
    const two = jobWith({ uri: "https://a/x", mirrors: ["https://b/x"] });
    const turned = jobWith({ uri: "https://b/x", mirrors: ["https://a/x"] });
    expect([hasOtherAddresses(two, turned), hasNewAddress(two, turned)]).toStrictEqual([true, false]);
    expect([hasOtherAddresses(two, two), hasNewAddress(two, jobWith({ uri: "https://c/x" }))]).toStrictEqual([
      false,
      true,
    ]);
  });
});

describe("a refused document", () => {
  const refused = (state: AgentState): AgentState => {
    const parsed = rejectRequest(400, "bad-request", "Bad request: apply.");
    const decided = decideDesired(state, { identity: "typo", desiredVersion: 4, parsed }, "1.0.0", at);
    return { ...state, ...decided.change };
  };

  it.each(running)("leaves its update that is $phase running, and corrected it goes on with that", (update) => {
    const typo = refused(saved({ update }));
    expect(typo.update).toStrictEqual(update);
    expect(typo.handledDesired).toMatchObject({ identity: "typo", refused: { code: "bad-request" }, operation });
    const { state, kind } = change(typo, {}, "i1");
    expect([kind, state.update]).toStrictEqual([isBeforeInstall(update) ? "changed" : "noEffect", update]);
    expect(state.handledDesired?.refused).toBeNull();
  });

  it.each(ended)("does not make its update start again that has ended as $phase ($error.during)", (update) => {
    expect(change(refused(saved({ update })), {}, "i1").state.update).toStrictEqual(update);
  });

  it("that has taken the place of an update lets that be declared again", () => {
    const taken = { operationId: "op-0", version: "1.0.0", sha256: digest, at: t(0) };
    const state = saved({ update: states(declared).downloading, lastProven: taken });
    const rebuilt = { version: "1.0.0", sha256: "b".repeat(64) };
    const other = change(change(state, rebuilt).state, rebuilt);
    expect([other.kind, other.state.update.phase]).toStrictEqual(["refused", "cancelled"]);
    expect(change(other.state, {}, "i1").kind).toBe("accepted");
  });
});

describe("what a release before has saved", () => {
  const { operation: _operation, ...older } = handledDesired;

  it.each(all)("is known by its content, and gets its operation noted: $phase", (update) => {
    const { state, kind } = change(saved({ update, handledDesired: older }), { operationId: "desired-1" }, "i1");
    expect([kind, state.update]).toStrictEqual(["alreadyHandled", update]);
    expect(state.handledDesired).toStrictEqual(handledDesired);
  });

  it.each([...running, ...ended].filter(({ phase }) => phase !== "cancelled"))(
    "is known by its update where the document was changed meanwhile: $phase",
    (update) => {
      const { state } = change(saved({ update, handledDesired: older }), { apply: "manual" });
      expect(jobOf(state.update)?.operationId).toBe("desired-1");
      expect(state.update.phase).toBe(update.phase);
      expect(state.handledDesired?.operation).toStrictEqual(operation);
    },
  );

  it("is not known by an update that was cancelled, maybe for another document, nor by one of a method", () => {
    for (const update of [states(declared).cancelled, states(jobWith({ operationId: "op-7" })).failed]) {
      expect(change(saved({ update, handledDesired: older }), {}).kind).toBe("accepted");
    }
  });

  it("stays refused where that release refused it, whatever today's would say", () => {
    const refused = { ...older, refused: { code: "bad-request", message: "fwVersion: …" } };
    const { state, kind } = change(saved({ handledDesired: refused }), {}, "i1");
    expect([kind, state.handledDesired]).toStrictEqual(["alreadyHandled", refused]);
  });

  it("is not known where its document was withdrawn", () => {
    const state = saved({ update: states(declared).failed, handledDesired: null });
    expect(repeatedOperation(state, { job: declared, callerGaveId: false })).toBeUndefined();
  });
});
