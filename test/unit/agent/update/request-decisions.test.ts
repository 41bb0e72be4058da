import { describe, expect, it } from "vitest";
import { initialState, type AgentState } from "../../../../agent/operations/agent-state.ts";
import { restartKinds } from "../../../../agent/update/job.ts";
import { decideApply, decideCancel, decideUpdate } from "../../../../agent/update/request-decisions.ts";
import { actionFor, isBeforeInstall, isRunning, step } from "../../../../agent/update/machine.ts";
import { digest, jobWith, states, t } from "../../../support/updates.ts";

const at = t(30);
const s = states();
const saved = (changes: Partial<AgentState>): AgentState => ({ ...initialState("boot-1"), ...changes });
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
    ["was proven, and the running version is unknown", {}, lastProven, null, 200, "already"],
    ["was proven, but the board was flashed with another since", {}, lastProven, "1.0.0", 200, "started"],
    ["is another image under the version that runs", { sha256: "b".repeat(64) }, lastProven, "2.0.0", 409, "refused"],
    ["was never seen, and the running version is unknown", {}, null, null, 200, "started"],
    [
      "is another image while the running version is unknown",
      { sha256: "b".repeat(64) },
      lastProven,
      null,
      200,
      "started",
    ],
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
    const isPossible = isBeforeInstall(update) || (update.phase === "applying" && update.installed === null);
    const status = isPossible ? 200 : isRunning(update) ? 409 : 404;
    expect(answer.status).toBe(status);
    expect(change?.update?.phase).toBe(status === 200 ? "cancelled" : undefined);
  });

  it.each(restartKinds)("comes too late once the image is installed, with %s to restart", (restart) => {
    const event = { type: "installed", restart, bootId: "boot-1", at } as const;
    const installed = step(s.applying, event);
    if (installed === undefined) throw new Error("nothing was installed");
    const { change, answer } = decideCancel(saved({ update: installed }), undefined, at);
    expect([change, answer.status]).toStrictEqual([undefined, 409]);
  });

  it.each(restartKinds)("leaves nothing to an installation that ends after it, with %s to restart", (restart) => {
    const { change } = decideCancel(saved({ update: s.applying }), undefined, at);
    const update = change?.update ?? s.applying;
    expect(step(update, { type: "installed", restart, bootId: "boot-1", at })).toBeUndefined();
    expect(actionFor(update)?.kind).toBe("cleanUp");
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

  it.each(["manual", "window"] as const)(
    "does not promise a beginning to one that must begin by some time (%s)",
    (apply) => {
      const staged = states(jobWith({ apply, startBy: t(50) })).staged;
      const { answer } = decideApply(saved({ update: staged }), undefined);
      expect(answer.payload).toStrictEqual({
        Response:
          "Firmware update is ordered: it begins once the board's clock is set, before its startBy or not at all",
        operationId: "op-1",
      });
    },
  );

  it.each(Object.values(s).filter(({ phase }) => phase !== "staged"))("finds nothing staged when $phase", (update) => {
    expect(decideApply(saved({ update }), undefined)).toMatchObject({ answer: { status: 404 } });
  });

  it("means the operation that it names", () => {
    expect(decideApply(saved({ update: s.staged }), "op-7").answer.status).toBe(404);
  });
});
