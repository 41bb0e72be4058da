import { describe, expect, it } from "vitest";
import { describeBlockingUpdate } from "../../../agent/operations/blocking.ts";
import { decideCancelReboot, decideReboot } from "../../../agent/reboot/request-decisions.ts";
import type { RebootState } from "../../../agent/reboot/machine.ts";
import { initialState, type AgentState } from "../../../agent/operations/agent-state.ts";
import { decideApply, decideCancel, decideUpdate } from "../../../agent/update/request-decisions.ts";
import { jobWith, states, t } from "../../support/updates.ts";

/* What the caller of a method reads, word for word: each says what happened, why, and what to do next. */

const saved = (changes: Partial<AgentState> = {}): AgentState => ({ ...initialState("boot-1"), ...changes });
const s = states();
const lastProven = { operationId: "op-1", version: "2.0.0", sha256: jobWith().sha256 ?? "", at: t(9) };

const job = {
  operationId: "op-1",
  reason: null,
  force: false,
  acceptedAt: t(0),
  scheduledFor: "2026-01-02T03:01:00.000Z",
};
const scheduled: RebootState = { phase: "scheduled", last: null, job, bootId: "boot-1", dueBootMs: 61_000 };
const rebooting: RebootState = {
  phase: "rebooting",
  last: null,
  job,
  cause: "requested",
  bootId: "boot-1",
  startedAt: t(0),
};

const refusal = (status: number, code: string, message: string): object => ({
  status,
  payload: { Response: message, error: { code, message } },
});

describe("rebootDevice", () => {
  const order = { job, bootId: "boot-1", dueBootMs: 61_000, mode: "systemd" as const, inhibitors: [], window: null };

  it.each<[string, AgentState, string, string]>([
    [
      "while the board is being changed",
      saved({ update: s.applying }),
      "update-running",
      "No reboot now: the update op-1 is applying. It restarts the board by itself if it needs to; otherwise request the reboot again afterwards.",
    ],
    [
      "while one is scheduled",
      saved({ reboot: scheduled }),
      "already-scheduled",
      "A reboot is pending already (op-1, for 2026-01-02T03:01:00.000Z). Wait for it, or cancel it with cancelReboot.",
    ],
    [
      "while the board restarts for an update that has ended since",
      saved({ reboot: { ...rebooting, job: null, cause: "update" } }),
      "already-scheduled",
      "A reboot is pending already (for an update). Wait for it, or cancel it with cancelReboot.",
    ],
  ])("is refused %s", (_when, state, code, message) => {
    expect(decideReboot(state, { ...order, blockedBy: describeBlockingUpdate(state) })).toStrictEqual({
      answer: refusal(409, code, message),
    });
  });
});

describe("cancelReboot", () => {
  it("comes too late once the reboot is ordered", () => {
    expect(decideCancelReboot(saved({ reboot: rebooting }), undefined)).toStrictEqual({
      answer: refusal(409, "too-late", "Too late to cancel: the reboot has started."),
    });
  });

  it.each<[string, AgentState, string | undefined]>([
    ["finds nothing", saved(), undefined],
    ["finds nothing by a name", saved(), "op-1"],
    ["does not take another for the one it names", saved({ reboot: rebooting }), "op-2"],
  ])("%s", (_what, state, operationId) => {
    expect(decideCancelReboot(state, operationId)).toStrictEqual({
      answer: refusal(404, "nothing-scheduled", "No such reboot is scheduled, so there is nothing to cancel."),
    });
  });
});

describe("firmwareUpdate", () => {
  const again = { job: jobWith({ operationId: "new" }), callerGaveId: false };
  const other = { job: jobWith({ operationId: "op-2", version: "3.0.0" }), callerGaveId: false };
  const already = (operationId: string, response: string): object => ({
    answer: { status: 200, payload: { Response: response, operationId, already: true } },
  });

  it("is running already", () => {
    expect(decideUpdate(saved({ update: s.downloading }), again, "1.0.0", t(30))).toStrictEqual(
      already("op-1", "This update is already running (downloading)."),
    );
  });

  it("is running already under the name that its caller gives, whatever else is said of it", () => {
    const callerGaveId = { job: jobWith({ operationId: "op-1", version: "9.9.9" }), callerGaveId: true };
    expect(decideUpdate(saved({ update: s.downloading }), callerGaveId, "1.0.0", t(30))).toStrictEqual(
      already("op-1", "This update is already running (downloading)."),
    );
  });

  it("was done and proven", () => {
    expect(decideUpdate(saved({ lastProven }), again, "2.0.0", t(30))).toStrictEqual(
      already("op-1", `This update was committed at ${t(9)}.`),
    );
  });

  it("is what the board came with", () => {
    expect(decideUpdate(saved(), again, "2.0.0", t(30))).toStrictEqual(already("new", "The board already runs 2.0.0."));
  });

  it.each<[string, AgentState, string, string]>([
    [
      "while another one is running",
      saved({ update: s.downloading }),
      "update-running",
      "Another update is running (op-1, to 2.0.0, downloading). Wait for it, or cancel it with cancelFirmwareUpdate.",
    ],
    [
      "while a rehearsal is running",
      saved({ update: states(jobWith({ rehearsal: true, sha256: null })).staged }),
      "update-running",
      "Another update is running (op-1, a dry run, staged). Wait for it, or cancel it with cancelFirmwareUpdate.",
    ],
    [
      "where another image has its version",
      saved({ lastProven: { ...lastProven, version: "3.0.0", sha256: "b".repeat(64) } }),
      "version-in-use",
      "The board runs another image as 3.0.0, so nothing could prove that this one runs. Give each image its own version.",
    ],
  ])("is refused %s", (_when, state, code, message) => {
    expect(decideUpdate(state, other, "3.0.0", t(30))).toStrictEqual({ answer: refusal(409, code, message) });
  });
});

describe("applyFirmwareUpdate", () => {
  it("releases what is staged", () => {
    const { answer } = decideApply(saved({ update: states(jobWith({ apply: "manual" })).staged }), "op-1");
    expect(answer).toStrictEqual({
      status: 200,
      payload: { Response: "Firmware update is being applied", operationId: "op-1" },
    });
  });

  it("finds nothing staged", () => {
    expect(decideApply(saved(), undefined)).toStrictEqual({
      answer: refusal(404, "nothing-staged", "No staged update waits for approval. Request one with firmwareUpdate."),
    });
  });
});

describe("cancelFirmwareUpdate", () => {
  it("ends a download", () => {
    expect(decideCancel(saved({ update: s.downloading }), undefined, t(30)).answer).toStrictEqual({
      status: 200,
      payload: { Response: "Firmware update cancelled", operationId: "op-1" },
    });
  });

  it("stops an installation, and says what it leaves", () => {
    expect(decideCancel(saved({ update: s.applying }), undefined, t(30)).answer).toStrictEqual({
      status: 200,
      payload: {
        Response:
          "Firmware update cancelled. Cancelled while it was installed: the installer was stopped before anything was switched, and the board keeps 1.0.0. The downloaded image is removed; what the installer had written (root's copy of the image, an unfinished slot or release) stays until the next update replaces it. If the update is still wanted, request it again with a new operationId.",
        operationId: "op-1",
      },
    });
  });

  it("comes too late once the image is installed", () => {
    const installed = { ...s.applying, installed: "service" } as const;
    expect(decideCancel(saved({ update: installed }), undefined, t(30))).toStrictEqual({
      answer: refusal(
        409,
        "too-late",
        "Too late to cancel: the image is installed, and the update is applying. It ends by itself: committed, or rolled back to the old system.",
      ),
    });
  });

  it("finds nothing running", () => {
    expect(decideCancel(saved({ update: s.completed }), undefined, t(30))).toStrictEqual({
      answer: refusal(404, "nothing-running", "No such update is running, so there is nothing to cancel."),
    });
  });
});
