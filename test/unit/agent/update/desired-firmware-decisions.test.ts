import { describe, expect, it } from "vitest";
import { rejectRequest, type Validated } from "../../../../agent/contract/error-response.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import { decideDesired, decideNoDesired } from "../../../../agent/update/desired-firmware-decisions.ts";
import { decideUpdate } from "../../../../agent/update/request-decisions.ts";
import { isBeforeInstall, isRunning } from "../../../../agent/update/machine.ts";
import type { ParsedUpdateRequest } from "../../../../agent/update/validate-request.ts";
import { digest, jobWith, states, t } from "../../../support/updates.ts";

const at = t(30);
const s = states();
const saved = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), ...changes });
const job = jobWith();
const lastProven = { operationId: "op-1", version: "2.0.0", sha256: digest, at: t(9) };

describe("a desired document", () => {
  const order = (
    of = jobWith({ origin: "desired", operationId: "desired-1" }),
    callerGaveId = false,
  ): Validated<ParsedUpdateRequest> => ({
    ok: true,
    value: { job: of, callerGaveId },
  });
  const document = (parsed = order(), identity = "i1"): Parameters<typeof decideDesired>[1] => ({
    identity,
    desiredVersion: 4,
    parsed,
  });
  const operation = { operationId: "desired-1", version: "2.0.0", sha256: digest };
  const handledDesired = { identity: "i1", desiredVersion: 3, refused: null, operation };
  const desiredJob = jobWith({ origin: "desired", operationId: "desired-0", version: "1.5.0" });

  it("that the metadata on the board refuses is refused, and counts as soon as it no longer is", () => {
    const refusal = { status: 403, code: "epoch-too-low", message: "It is too old." } as const;
    const refused = decideDesired(saved({}), { ...document(), refusal }, "1.0.0", at);
    expect(refused).toMatchObject({
      answer: { kind: "refused" },
      change: { handledDesired: { refused: { code: "epoch-too-low" } } },
    });
    const after = saved(refused.change ?? {});
    expect(decideDesired(after, { ...document(), refusal }, "1.0.0", at)).toStrictEqual({
      answer: { kind: "alreadyHandled" },
    });
    expect(decideDesired(after, document(), "1.0.0", at)).toMatchObject({
      answer: { kind: "accepted" },
      change: { handledDesired: { refused: null } },
    });
  });

  it("that was refused for another reason is not looked at again", () => {
    const handled = { ...handledDesired, refused: { code: "no-installer", message: "" } };
    expect(decideDesired(saved({ handledDesired: handled }), document(), "1.0.0", at).change).toBeUndefined();
  });

  it("by a version alone is the same operation as with the digest that was found, and keeps what was found", () => {
    const alone = jobWith({ origin: "desired", operationId: "desired-2", sha256: null, unresolved: true });
    const found = { ...jobWith({ origin: "desired", operationId: "desired-1", target: { epoch: 3 } }) };
    const handledAlone = { ...handledDesired, operation: { ...operation, sha256: null, unresolved: true as const } };
    const update = { ...s.staged, job: found };
    const { change, answer } = decideDesired(
      saved({ update, handledDesired: handledAlone }),
      document(order({ ...alone, apply: "manual" }), "i2"),
      "1.0.0",
      at,
    );
    expect(answer.kind).toBe("changed");
    expect(change?.update).toStrictEqual({ ...update, job: { ...found, apply: "manual" } });
  });

  it("starts the update once, and is remembered in the same save", () => {
    const { change, answer } = decideDesired(saved({}), document(), "1.0.0", at);
    expect(answer.kind).toBe("accepted");
    expect(change).toMatchObject({
      update: { phase: "accepted" },
      handledDesired: { identity: "i1", desiredVersion: 4 },
    });
  });

  it.each(Object.values(s))("is not looked at again, whatever became of it ($phase)", (update) => {
    expect(decideDesired(saved({ update, handledDesired }), document(), "1.0.0", at)).toStrictEqual({
      answer: { kind: "alreadyHandled" },
    });
  });

  it("is current when its image was the last one proven", () => {
    const { change, answer } = decideDesired(saved({ lastProven }), document(), "2.0.0", at);
    expect(answer.kind).toBe("alreadyInstalled");
    expect(change).toStrictEqual({ handledDesired: { identity: "i1", desiredVersion: 4, refused: null, operation } });
  });

  it("is current on a board that came with that version", () => {
    expect(decideDesired(saved({}), document(), "2.0.0", at).answer.kind).toBe("alreadyInstalled");
  });

  it("forces a retry with a new operation id, unless there is nothing left to do", () => {
    const callerGaveId = order(jobWith({ origin: "desired", operationId: "again" }), true);
    const retried = (runs: string): string =>
      decideDesired(saved({ update: s.failed, lastProven }), document(callerGaveId, "i2"), runs, at).answer.kind;
    expect(retried("1.0.0")).toBe("accepted");
    expect(retried("2.0.0")).toBe("alreadyInstalled");
  });

  it("is refused when the board runs another image under its version", () => {
    const rebuilt = order(jobWith({ origin: "desired", operationId: "desired-2", sha256: "b".repeat(64) }));
    const { change, answer } = decideDesired(saved({ lastProven }), document(rebuilt, "i2"), "2.0.0", at);
    expect(answer).toMatchObject({ kind: "refused", refusal: { code: "version-in-use" } });
    expect(change?.handledDesired).toMatchObject({ identity: "i2", refused: { code: "version-in-use" } });
    expect(change?.update).toBeUndefined();
  });

  it.each(Object.values(states(desiredJob)).filter(isBeforeInstall))(
    "takes the place of a desired job that is $phase: with a save for its end, and one for what comes then",
    (update) => {
      const handledBefore = {
        ...handledDesired,
        operation: { ...operation, operationId: "desired-0", version: "1.5.0" },
      };
      const state = saved({ update, handledDesired: handledBefore });
      const ended = decideDesired(state, document(order(), "i2"), "1.0.0", at);
      expect(ended).toMatchObject({
        change: {
          update: { phase: "cancelled", job: desiredJob, error: { code: "replaced", during: update.phase } },
          handledDesired: null,
        },
        answer: { kind: "replaced" },
      });
      const then = decideDesired(saved(ended.change ?? {}), document(order(), "i2"), "1.0.0", at);
      expect(then.answer.kind).toBe("accepted");
      expect(then.change).toMatchObject({
        update: { phase: "accepted", job: { operationId: "desired-1" } },
        handledDesired: { identity: "i2", operation },
      });
    },
  );

  it.each([
    ["goes back to what runs", lastProven, "alreadyInstalled"],
    ["cannot take its place", { ...lastProven, sha256: "b".repeat(64) }, "refused"],
  ])("that %s ends a desired job on its way too", (_what, proven, kind) => {
    const running = saved({ update: states(desiredJob).downloading, lastProven: proven });
    const ended = decideDesired(running, document(), "2.0.0", at);
    expect(ended.change?.update).toMatchObject({ phase: "cancelled", error: { code: "replaced" } });
    const { change, answer } = decideDesired({ ...running, ...ended.change }, document(), "2.0.0", at);
    expect(answer.kind).toBe(kind);
    expect(change).toMatchObject({ handledDesired: { identity: "i1" } });
    expect(change).not.toHaveProperty("update");
  });

  const notYet = Object.values(states(desiredJob)).filter((update) => isRunning(update) && !isBeforeInstall(update));
  it.each(notYet)("waits for a desired job that is $phase", (update) => {
    expect(decideDesired(saved({ update }), document(), "1.0.0", at)).toStrictEqual({ answer: { kind: "mustWait" } });
  });

  it.each(Object.values(s).filter(isRunning))("waits for a method's job that is $phase", (update) => {
    expect(decideDesired(saved({ update }), document(), "1.0.0", at)).toStrictEqual({ answer: { kind: "mustWait" } });
  });

  it("that is refused is remembered with the reason, and leaves a running job alone", () => {
    const { change, answer } = decideDesired(
      saved({ update: s.downloading }),
      document(rejectRequest(400, "bad-request", "Bad request: fwVersion.")),
      "1.0.0",
      at,
    );
    expect(answer.kind).toBe("refused");
    expect(change).toStrictEqual({
      handledDesired: {
        identity: "i1",
        desiredVersion: 4,
        refused: { code: "bad-request", message: "Bad request: fwVersion." },
        operation: null,
      },
    });
  });

  it("is still known after it was taken away, but what was refused in it is forgotten", () => {
    const refused = { ...handledDesired, refused: { code: "bad-request", message: "…" } };
    expect(decideNoDesired(saved({ handledDesired: refused }), at).change).toStrictEqual({ handledDesired });
    expect(decideNoDesired(saved({ handledDesired }), at)).toStrictEqual({ answer: { kind: "alreadyHandled" } });
    expect(decideNoDesired(saved({}), at)).toStrictEqual({ answer: { kind: "alreadyHandled" } });
  });

  it.each(Object.values(states(desiredJob)).filter(isBeforeInstall))(
    "that is withdrawn cancels its update that is $phase, and starts it when it is declared again",
    (update) => {
      const withdrawn = decideNoDesired(saved({ update, handledDesired }), at);
      expect(withdrawn).toMatchObject({
        change: { update: { phase: "cancelled", error: { code: "withdrawn", during: update.phase } } },
        answer: { kind: "withdrawn" },
      });
      const after = saved({ update, handledDesired, ...withdrawn.change });
      expect(after.handledDesired).toBeNull();
      expect(decideDesired(after, document(), "1.0.0", at).answer.kind).toBe("accepted");
      expect(decideNoDesired(after, at)).toStrictEqual({ answer: { kind: "alreadyHandled" } });
    },
  );

  it.each(Object.values(states(desiredJob)).filter((update) => !isBeforeInstall(update)))(
    "that is withdrawn changes nothing about an update that is $phase, also when it is declared again",
    (update) => {
      const state = saved({ update, handledDesired });
      expect(decideNoDesired(state, at)).toStrictEqual({ answer: { kind: "alreadyHandled" } });
      expect(decideDesired(state, document(), "1.0.0", at)).toStrictEqual({ answer: { kind: "alreadyHandled" } });
    },
  );

  it.each(Object.values(s))("that is withdrawn leaves a method's update alone: $phase", (update) => {
    expect(decideNoDesired(saved({ update, handledDesired }), at)).toStrictEqual({
      answer: { kind: "alreadyHandled" },
    });
  });

  it("says why its update was cancelled: what was withdrawn or took its place, and how to have it after all", () => {
    const update = states(desiredJob).staged;
    const reasons = [
      decideNoDesired(saved({ update, handledDesired }), at).change?.update,
      decideDesired(saved({ update, lastProven }), document(), "2.0.0", at).change?.update,
    ].map((one) => (one?.phase === "cancelled" ? one.error?.message : undefined));
    expect(reasons).toStrictEqual([
      "The firmware section that declared the update to 1.5.0 was withdrawn while it was staged. The board is unchanged. Declare it again to start it.",
      "Another firmware section (2.0.0) took the place of the one that declared the update to 1.5.0 while it was staged. The board is unchanged. To have this update, declare it again.",
    ]);
  });

  it("is always new as a rehearsal", () => {
    const rehearsal = order(jobWith({ rehearsal: true, sha256: null, origin: "desired" }));
    expect(decideDesired(saved({ lastProven }), document(rehearsal), "2.0.0", at).answer.kind).toBe("accepted");
  });
});

it("keeps a job's identity apart from the desired document's", () => {
  expect(decideUpdate(saved({ update: s.failed }), { job, callerGaveId: true }, "1.0.0", at).change).not.toHaveProperty(
    "handledDesired",
  );
});
