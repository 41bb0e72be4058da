import { expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { nothingKnown, statusOf, type Known } from "../../../../agent/update/trust-status.ts";
import { newRecord, TufRepository } from "../../../support/tuf-repository.ts";

const stored = new TufRepository().seed();
const loaded = { metadata: stored, record: newRecord, problems: [], remade: null };
const root = { version: 3, expires: "2037-03-01T12:00:00Z", fingerprint: "" };
const verified = { stored, record: newRecord, root, files: new Map(), trusted: undefined, error: undefined };
const trusting: Known = { ...nothingKnown, names: ["acme,gateway"], loaded, verified };
const damaged = new AgentError("trust-store-damaged", "It is damaged.");
const expired = new AgentError("metadata-expired", "It has expired.");

it.each<[what: string, known: Known, simulated: boolean, rule: string, alerts: readonly string[]]>([
  ["no root", nothingKnown, false, "nothing", []],
  ["no root, simulated", nothingKnown, true, "digest", []],
  ["unsigned allowed", { ...nothingKnown, allowUnsigned: true }, false, "digest", ["Unsigned images are installed"]],
  ["unsigned allowed beside a root", { ...trusting, allowUnsigned: true }, false, "signed", []],
  ["a root", trusting, false, "signed", []],
  [
    "a store made anew",
    { ...trusting, loaded: { ...loaded, remade: "It was made anew." } },
    false,
    "signed",
    ["made anew"],
  ],
  [
    "a store that is damaged in part",
    { ...trusting, loaded: { ...loaded, problems: ["Lost."] } },
    false,
    "signed",
    ["Lost."],
  ],
  ["a store that cannot be used", { ...nothingKnown, problem: damaged }, false, "signed", ["It is damaged."]],
  [
    "targets that have expired",
    { ...trusting, verified: { ...verified, error: expired } },
    false,
    "signed",
    ["expired"],
  ],
])("%s", (_what, known, simulated, rule, alerts) => {
  const status = statusOf(known, simulated);
  expect(status.rule).toBe(rule);
  expect(status.alerts).toStrictEqual(alerts.map((one) => expect.stringContaining(one)));
  expect(status.rootVersion).toBe(known.verified === undefined ? null : 3);
  expect(status.expires).toBe(known.verified === undefined ? null : "2037-03-01T12:00:00.000Z");
});
