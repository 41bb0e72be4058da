import * as fc from "fast-check";
import { expect } from "vitest";
import { methods } from "../../agent/contract/methods.ts";
import type { DesiredFirmwareHandler } from "../../agent/update/desired-firmware-handler.ts";
import type { RebootState } from "../../agent/reboot/machine.ts";
import { initialState, type AgentState } from "../../agent/operations/agent-state.ts";
import type { UpdateState } from "../../agent/update/job.ts";
import { jobWith, states, t } from "../support/updates.ts";
import { RequestHandlerFixture } from "./request-handler-fixture.ts";
import { checkProperties, counterexample } from "./counterexample.ts";
import { junk, secret } from "./inputs.ts";
import { dressed, goodReboot, goodUpdate, keysOf, nearly } from "./payloads.ts";

/* Requests to a board that has something to do already: which of them may change what, decided without asking the agent's code. */

const uri = `https://images.example/board.img?sig=${secret}`;
const rebootJob = { operationId: "op-2", reason: null, force: false, acceptedAt: t(1), scheduledFor: t(2) };
const last = { fromBootId: "boot-0", bootId: "boot-1", cause: "requested" as const, at: t(3), clockSynchronized: true };
const error = { code: "reboot-never-came", during: "rebooting", message: "It did not come." };
const reboots: RebootState[] = [
  { phase: "idle", last: null },
  { phase: "scheduled", last, job: rebootJob, bootId: "boot-1", dueBootMs: 5_000 },
  { phase: "rebooting", last, job: rebootJob, cause: "requested", bootId: "boot-1", startedAt: t(4) },
  { phase: "proven", last, job: rebootJob, startedAt: t(4) },
  { phase: "failed", last, job: rebootJob, error },
  { phase: "cancelled", last, job: rebootJob },
];
const busy: fc.Arbitrary<AgentState> = fc
  .record({ origin: fc.constantFrom("method", "desired"), apply: fc.constantFrom("now", "manual") })
  .map((changes) => Object.values(states(jobWith({ ...changes, uri, mirrors: [uri] }))))
  .chain((updates) => fc.record({ update: fc.constantFrom(...updates), reboot: fc.constantFrom(...reboots) }))
  .map(savedWith);

const ended = new Set<string>(["idle", "completed", "failed", "rolledBack", "cancelled"]);
const changesNothingYet = new Set<string>(["accepted", "downloading", "verifying", "staged"]);

/** Written in part at most, and nothing of it is armed. */
const isInstalling = ({ update }: AgentState): boolean => update.phase === "applying" && update.installed === null;
const isFree = ({ update }: AgentState): boolean => ended.has(update.phase);
const changesBoard = (saved: AgentState): boolean => !isFree(saved) && !changesNothingYet.has(saved.update.phase);
const isPending = ({ reboot }: AgentState): boolean => ["scheduled", "rebooting"].includes(reboot.phase);

/** What a method may do to a board: the one part that it may change, and into which phase. */
function mayDo(method: string, saved: AgentState): readonly [part: "update" | "reboot", phase: string] | undefined {
  switch (method) {
    case "firmwareUpdate":
      return isFree(saved) ? ["update", "accepted"] : undefined;
    case "cancelFirmwareUpdate":
      return changesNothingYet.has(saved.update.phase) || isInstalling(saved) ? ["update", "cancelled"] : undefined;
    case "applyFirmwareUpdate":
      return saved.update.phase === "staged" ? ["update", "staged"] : undefined;
    case "rebootDevice":
      return isPending(saved) || changesBoard(saved) ? undefined : ["reboot", "scheduled"];
    case "cancelReboot":
      return saved.reboot.phase === "scheduled" ? ["reboot", "cancelled"] : undefined;
    default:
      return undefined;
  }
}

function savedWith(parts: Pick<AgentState, "update" | "reboot">): AgentState {
  return { ...initialState("boot-1"), seq: 7, ...parts };
}

/** Everything of a board but one part of its state, and what is counted and remembered of requests. */
function rest(saved: AgentState, part: "update" | "reboot" | undefined): unknown {
  const { seq: _seq, operations: _operations, update, reboot, ...others } = saved;
  return { ...others, ...(part === "update" ? { reboot } : part === "reboot" ? { update } : { update, reboot }) };
}

/** The method that an alias stands for. */
const named = <Name extends string>(method: Name | "reboot"): Name | "rebootDevice" =>
  method === "reboot" ? "rebootDevice" : method;

const mine = fc.constantFrom<object>({}, { operationId: "op-1" }, { operationId: "op-2" });
const request = fc.constantFrom(...methods, "reboot" as const).chain((method) => {
  const name = named(method);
  const near = name === "getStatus" ? mine : nearly[name].map(({ payload }) => payload);
  const good = name === "firmwareUpdate" ? goodUpdate : name === "rebootDevice" ? goodReboot : mine;
  return fc.record({ method: fc.constant(method), payload: fc.oneof(junk, near, good, mine) });
});

checkProperties({
  "a method call to a busy board does what it may and is asked to, or changes nothing": (search) =>
    counterexample(
      fc.asyncProperty(busy, request, fc.boolean(), async (saved, { method, payload }, asText) => {
        const counter = new RequestHandlerFixture(false, saved);
        const { status, payload: reply } = await counter.handler.handleMethod(method, dressed(payload, asText));
        expect([200, 400, 404, 409, 507]).toContain(status);
        expect(JSON.stringify(reply) + counter.allOutput()).not.toContain(secret);
        if (status === 400)
          expect(
            ["payload", ...(keysOf[named(method)] ?? ["operationId"])].some((key) => reply.Response.includes(key)),
          ).toBe(true);
        const after = counter.store.state;
        const may = mayDo(named(method), saved);
        if (JSON.stringify(after) === JSON.stringify(saved)) {
          // Who gets the answer that it was done finds it done; and what may be done is done when it is asked for.
          const isQuestion = method === "getStatus" || method === "getLogs" || reply["already"] === true;
          const isOrder = JSON.stringify(payload) === "{}" && method !== "firmwareUpdate";
          expect([status === 200 && !isQuestion, isOrder && may !== undefined]).toStrictEqual([false, false]);
          return;
        }
        if (may === undefined) throw new Error(`${method} changed a board that it may not change.`);
        const [part, phase] = may;
        expect([status, after[part].phase]).toStrictEqual([200, phase]);
        expect(rest(after, part)).toStrictEqual(rest(saved, part));
        expect(await counter.onDisk()).toStrictEqual(JSON.parse(JSON.stringify(after)));
        if (method === "firmwareUpdate" || part !== "update") return;
        expect(jobIn(after.update)).toStrictEqual({
          ...jobIn(saved.update),
          ...(method === "applyFirmwareUpdate" ? { apply: "now", applyOrdered: true } : {}),
        });
      }),
      search,
    ),

  "a desired document to a busy board takes the place of a desired job that has changed nothing, of no other": (
    search,
  ) =>
    counterexample(
      fc.asyncProperty(
        busy,
        fc.oneof(
          junk,
          nearly.firmwareUpdate.map(({ payload }) => payload),
          goodUpdate,
        ),
        async (saved, firmware) => {
          const counter = new RequestHandlerFixture(false, saved);
          const document = JSON.parse(JSON.stringify({ firmware })) as Parameters<
            DesiredFirmwareHandler["handleDesired"]
          >[0];
          await counter.desired.handleDesired(document, 7);
          const after = counter.store.state;
          expect(counter.allOutput()).not.toContain(secret);
          expect(after.reboot).toStrictEqual(saved.reboot);
          const { update } = saved;
          const gives = isFree(saved) || (jobIn(update)?.origin === "desired" && !changesBoard(saved));
          if (!gives) expect(after.update).toStrictEqual(update);
          else if (after.update !== update) expect(["accepted", "cancelled"]).toContain(after.update.phase);
          if (after.seq > saved.seq) expect(await counter.onDisk()).toStrictEqual(JSON.parse(JSON.stringify(after)));
        },
      ),
      search,
    ),
});

function jobIn(update: UpdateState) {
  return "job" in update ? update.job : undefined;
}
