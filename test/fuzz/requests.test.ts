import * as fc from "fast-check";
import { expect } from "vitest";
import { methods } from "../../agent/contract/methods.ts";
import type { DesiredFirmwareHandler } from "../../agent/update/desired-firmware-handler.ts";
import { initialState } from "../../agent/operations/agent-state.ts";
import { RequestHandlerFixture } from "./request-handler-fixture.ts";
import { checkProperties, counterexample, type Property, type Search } from "./counterexample.ts";
import { junk, secret, type oneWrong } from "./inputs.ts";
import { dressed, goodReboot, goodUpdate, keysOf, nearly } from "./payloads.ts";

/** An update or a reboot that began is the one that was asked for, letter by letter; on disk as in memory. */
async function expectNothingElse(
  counter: RequestHandlerFixture,
  asked: unknown,
  origin: "method" | "desired",
): Promise<void> {
  const { state: saved } = counter.store;
  if (saved.seq === 0) return;
  expect(await counter.onDisk()).toStrictEqual(JSON.parse(JSON.stringify(saved)));
  if (!("job" in saved.update)) return;
  const payload = asObject(asked);
  const { job, phase } = saved.update;
  expect([phase, job.origin]).toStrictEqual(["accepted", origin]);
  expect(job.uri).toBe(payload["fwPackageUri"] ?? payload["fwPackageURI"]);
  expect(job.mirrors ?? []).toStrictEqual(payload["mirrors"] ?? []);
  expect(job.startBy).toBe(payload["startBy"]);
  if (job.rehearsal) {
    expect(job.sha256).toBeNull();
    return;
  }
  for (const uri of [job.uri, ...(job.mirrors ?? [])]) expect(new URL(uri).protocol).toBe("https:");
  expect(String(payload["fwPackageCheckValue"]).toLowerCase().replace("sha256:", "")).toBe(job.sha256);
}

function asObject(asked: unknown): Record<string, unknown> {
  const parsed: unknown = typeof asked === "string" ? JSON.parse(asked) : asked;
  return parsed as Record<string, unknown>;
}

async function ask(
  method: string,
  payload: unknown,
  simulated: boolean,
): Promise<{ counter: RequestHandlerFixture; status: number; said: string }> {
  const counter = new RequestHandlerFixture(simulated);
  const { status, payload: reply } = await counter.handler.handleMethod(method, payload);
  expect([200, 400, 404, 409, 507]).toContain(status);
  expect(JSON.stringify(reply) + counter.allOutput()).not.toContain(secret);
  expect(Buffer.byteLength(JSON.stringify(reply))).toBeLessThan(128 * 1_024);
  return { counter, status, said: reply.Response };
}

function nearlyRight(method: string, payloads: ReturnType<typeof oneWrong>): Property {
  return fc.asyncProperty(payloads, fc.boolean(), fc.boolean(), async ({ payload, key }, asText, simulated) => {
    const sent = dressed(payload, asText);
    const { counter, status, said } = await ask(method, sent, simulated);
    if (status === 400) expect(said).toContain(key);
    if (status !== 200) expect(counter.store.state).toStrictEqual(initialState("boot-1"));
    await expectNothingElse(counter, sent, "method");
  });
}

checkProperties({
  "a method with any payload is answered, and begins nothing but what it asked for": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.constantFrom(...methods, "reboot"),
        junk,
        fc.boolean(),
        fc.boolean(),
        async (method, payload, asText, simulated) => {
          const sent = dressed(payload, asText);
          const { counter, status, said } = await ask(method, sent, simulated);
          if (status === 400)
            expect(["payload", ...(keysOf[method] ?? ["operationId"])].some((key) => said.includes(key))).toBe(true);
          if (method !== "firmwareUpdate") expect(counter.store.state.update).toStrictEqual({ phase: "idle" });
          await expectNothingElse(counter, sent, "method");
        },
      ),
      search,
    ),

  ...Object.fromEntries(
    Object.entries(nearly).map(([method, payloads]) => [
      `${method} with one wrong value is done or refused by that key`,
      (search: Search) => counterexample(nearlyRight(method, payloads), search),
    ]),
  ),

  "a good firmwareUpdate and rebootDevice are done": (search) =>
    counterexample(
      fc.asyncProperty(goodUpdate, goodReboot, fc.boolean(), async (update, reboot, asText) => {
        const updated = await ask("firmwareUpdate", dressed(update, asText), false);
        expect([updated.status, updated.counter.store.state.update.phase]).toStrictEqual([200, "accepted"]);
        await expectNothingElse(updated.counter, update, "method");
        const rebooted = await ask("rebootDevice", dressed(reboot, asText), false);
        expect([rebooted.status, rebooted.counter.store.state.reboot.phase]).toStrictEqual([200, "scheduled"]);
        await expectNothingElse(rebooted.counter, {}, "method");
      }),
      search,
    ),

  "a method that no board has is refused, and the answer repeats no secret": (search) =>
    counterexample(
      fc.asyncProperty(junk, junk, async (name, payload) => {
        const called = typeof name === "string" ? name : JSON.stringify(name);
        fc.pre(![...methods, "reboot"].includes(called));
        const { counter, status } = await ask(called, payload, true);
        expect(status).toBe(404);
        expect(counter.store.state.seq).toBe(0);
      }),
      search,
    ),

  "any desired document is handled once, and begins nothing but what it asked for": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.oneof(fc.record({ payload: junk, key: fc.constant("") }), nearly.firmwareUpdate),
        fc.dictionary(fc.string(), junk, { maxKeys: 2 }),
        fc.boolean(),
        async ({ payload, key }, others, simulated) => {
          const counter = new RequestHandlerFixture(simulated);
          const document = JSON.parse(JSON.stringify({ ...others, firmware: payload })) as Parameters<
            DesiredFirmwareHandler["handleDesired"]
          >[0];
          await counter.desired.handleDesired(document, 7);
          const { seq, handledDesired } = counter.store.state;
          const refused = handledDesired?.refused?.message;
          if (refused !== undefined && typeof payload === "object" && payload !== null && key !== "")
            expect(refused).toContain(key);
          // A null is a withdrawal, of nothing here.
          const isDeclared = "firmware" in document && document["firmware"] !== null;
          expect(handledDesired === null).toBe(!isDeclared);
          expect(counter.allOutput()).not.toContain(secret);
          await expectNothingElse(counter, payload, "desired");
          await counter.desired.handleDesired(JSON.parse(JSON.stringify(document)) as typeof document, 8);
          expect(counter.store.state.seq).toBe(seq);
        },
      ),
      search,
    ),
});
