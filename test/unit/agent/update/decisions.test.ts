import { describe, expect, it } from "vitest";
import { rejectRequest, type Validated } from "../../../../agent/contract/error-response.ts";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import {
  decideApply,
  decideCancel,
  decideDesired,
  decideNoDesired,
  decideUpdate,
} from "../../../../agent/update/decisions.ts";
import { isCancellable, isRunning } from "../../../../agent/update/machine.ts";
import type { ParsedUpdateRequest } from "../../../../agent/update/request.ts";
import { digest, jobWith, states, t } from "../../../support/updates.ts";

const at = t(30);
const s = states();
const saved = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), ...changes });
const job = jobWith();
const other = jobWith({ operationId: "op-2", version: "3.0.0" });
const lastProven = { operationId: "op-1", version: "2.0.0", sha256: digest, at: t(9) };

describe("firmwareUpdate", () => {
  it.each(["idle", "completed", "failed", "rolledBack", "cancelled"] as const)("starts when %s", (phase) => {
    const { change, answer } = decideUpdate(
      saved({ update: s[phase] }),
      { job: other, callerGaveId: false },
      "1.0.0",
      at,
    );
    expect(answer).toStrictEqual({
      status: 200,
      payload: { Response: "Firmware update started", operationId: "op-2" },
    });
    expect(change).toStrictEqual({ update: { phase: "accepted", job: other, times: { accepted: at } } });
  });

  const running = Object.values(s).filter(isRunning);
  it.each(running)("is refused while another one is $phase", (update) => {
    const { change, answer } = decideUpdate(saved({ update }), { job: other, callerGaveId: false }, "1.0.0", at);
    expect(change).toBeUndefined();
    expect(answer).toMatchObject({ status: 409, payload: { error: { code: "update-running" } } });
  });

  it.each(running)("is already there while it is $phase", (update) => {
    const again = jobWith({ operationId: "new" });
    const { change, answer } = decideUpdate(saved({ update }), { job: again, callerGaveId: false }, "1.0.0", at);
    expect(change).toBeUndefined();
    expect(answer).toMatchObject({ status: 200, payload: { already: true, operationId: "op-1" } });
  });

  it("is another one when its caller gives it another name", () => {
    const again = jobWith({ operationId: "op-2" });
    expect(
      decideUpdate(saved({ update: s.downloading }), { job: again, callerGaveId: true }, "1.0.0", at).answer.status,
    ).toBe(409);
  });

  it("was done already when it was the last one proven", () => {
    const again = jobWith({ operationId: "new" });
    const { change, answer } = decideUpdate(
      saved({ update: s.completed, lastProven }),
      { job: again, callerGaveId: false },
      "2.0.0",
      at,
    );
    expect(change).toBeUndefined();
    expect(answer).toMatchObject({ status: 200, payload: { already: true, operationId: "op-1" } });
  });

  /** Same version, same digest unless told; what was proven last is op-1, 2.0.0, aaa. */
  it.each([
    ["runs, by any name", { operationId: "op-9" }, lastProven, "2.0.0", 200, "already"],
    ["runs, flashed at the factory", {}, null, "2.0.0", 200, "already"],
    ["was proven, and what runs cannot be told", {}, lastProven, null, 200, "already"],
    ["was proven, but the board was flashed with another since", {}, lastProven, "1.0.0", 200, "started"],
    ["is another image under the version that runs", { sha256: "b".repeat(64) }, lastProven, "2.0.0", 409, "refused"],
    ["was never seen, and what runs cannot be told", {}, null, null, 200, "started"],
    ["is another image while what runs cannot be told", { sha256: "b".repeat(64) }, lastProven, null, 200, "started"],
  ] as const)("when the image %s", (_what, changes, proven, currentVersion, status, outcome) => {
    const order = { job: jobWith(changes), callerGaveId: true };
    const { change, answer } = decideUpdate(saved({ lastProven: proven }), order, currentVersion, at);
    expect(answer.status).toBe(status);
    expect(answer.payload["already"] === true).toBe(outcome === "already");
    expect(change !== undefined).toBe(outcome === "started");
  });

  it("is never done already as a rehearsal", () => {
    const rehearsal = jobWith({ rehearsal: true, sha256: null, operationId: "new" });
    expect(
      decideUpdate(saved({ update: s.completed, lastProven }), { job: rehearsal, callerGaveId: false }, "1.0.0", at)
        .change,
    ).toBeDefined();
  });
});

describe("cancelFirmwareUpdate", () => {
  it.each(Object.values(s))("$phase", (update) => {
    const { change, answer } = decideCancel(saved({ update }), undefined, at);
    const status = isCancellable(update) ? 200 : isRunning(update) ? 409 : 404;
    expect(answer.status).toBe(status);
    expect(change?.update?.phase).toBe(status === 200 ? "cancelled" : undefined);
  });

  it("means the operation that it names, and no other", () => {
    expect(decideCancel(saved({ update: s.downloading }), "op-1", at).answer.status).toBe(200);
    expect(decideCancel(saved({ update: s.downloading }), "op-2", at).answer.status).toBe(404);
  });
});

describe("applyFirmwareUpdate", () => {
  it.each(["manual", "window"] as const)("releases an image that waits (%s)", (apply) => {
    const staged = states(jobWith({ apply })).staged;
    const { change, answer } = decideApply(saved({ update: staged }), undefined);
    expect(answer.status).toBe(200);
    expect(change?.update).toMatchObject({ phase: "staged", job: { apply: "now" } });
  });

  it.each(Object.values(s).filter(({ phase }) => phase !== "staged"))("finds nothing staged when $phase", (update) => {
    expect(decideApply(saved({ update }), undefined)).toMatchObject({ answer: { status: 404 } });
  });

  it("means the operation that it names", () => {
    expect(decideApply(saved({ update: s.staged }), "op-7").answer.status).toBe(404);
  });
});

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
  const handledDesired = { identity: "i1", desiredVersion: 3, refused: null };
  const desiredJob = jobWith({ origin: "desired", operationId: "desired-0", version: "1.5.0" });

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
    expect(change).toStrictEqual({ handledDesired: { identity: "i1", desiredVersion: 4, refused: null } });
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

  it("frees the board of a desired job on its way even when it cannot take its place", () => {
    const taken = { ...lastProven, sha256: "b".repeat(64) };
    const update = states(desiredJob).downloading;
    const { change } = decideDesired(saved({ update, lastProven: taken }), document(), "2.0.0", at);
    expect(change).toMatchObject({ update: { phase: "cancelled" }, handledDesired: { identity: "i1" } });
  });

  it.each(Object.values(states(desiredJob)).filter(isCancellable))(
    "takes the place of a desired job that is $phase",
    (update) => {
      const { change, answer } = decideDesired(saved({ update }), document(), "1.0.0", at);
      expect(answer.kind).toBe("accepted");
      expect(change?.update).toMatchObject({ phase: "accepted", job: { operationId: "desired-1" } });
    },
  );

  const notYet = Object.values(states(desiredJob)).filter((update) => isRunning(update) && !isCancellable(update));
  it.each(notYet)("waits for a desired job that is $phase", (update) => {
    expect(decideDesired(saved({ update }), document(), "1.0.0", at)).toStrictEqual({ answer: { kind: "mustWait" } });
  });

  it.each(Object.values(s).filter(isRunning))("waits for a method's job that is $phase", (update) => {
    expect(decideDesired(saved({ update }), document(), "1.0.0", at)).toStrictEqual({ answer: { kind: "mustWait" } });
  });

  it("that goes back to what runs ends a desired job on its way", () => {
    const update = states(desiredJob).downloading;
    const { change, answer } = decideDesired(saved({ update, lastProven }), document(), "2.0.0", at);
    expect(answer.kind).toBe("alreadyInstalled");
    expect(change?.update?.phase).toBe("cancelled");
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
      },
    });
  });

  it("is still known after it was taken away, but what was refused in it is forgotten", () => {
    const refused = { ...handledDesired, refused: { code: "bad-request", message: "…" } };
    expect(decideNoDesired(saved({ handledDesired: refused })).change).toStrictEqual({ handledDesired });
    expect(decideNoDesired(saved({ handledDesired }))).toStrictEqual({ answer: { kind: "alreadyHandled" } });
    expect(decideNoDesired(saved({}))).toStrictEqual({ answer: { kind: "alreadyHandled" } });
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
