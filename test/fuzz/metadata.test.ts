import * as fc from "fast-check";
import { errorCodes } from "../../agent/contract/codes.ts";
import { canonicalJson } from "../../agent/trust/canonical-json.ts";
import type { StoredMetadata } from "../../agent/trust/ports.ts";
import { secondPublication, type TrustingBoard } from "../support/trusting-board.ts";
import {
  daysLater,
  put,
  signedFile,
  testKey,
  working,
  type Signed,
  type TufRepository,
} from "../support/tuf-repository.ts";
import { checkProperties, counterexample } from "./counterexample.ts";
import { junk, mutated } from "./inputs.ts";

/* Whatever a repository serves: a code or the truth, nothing that was not verified is kept, and nothing falls. */

const names = ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json", "2.acme,gateway.json"];
const roles = ["root", "timestamp", "snapshot", "targets", "acme,gateway"];
const place = fc.double({ min: 0, max: 0.999, noNaN: true });

const { board: reader, repository: published } = await secondPublication();
const first = { stored: reader.stored, record: reader.record };
const intact = new Map(published.files);
/** The signed part of each role's second file. */
const signedParts = new Map(
  roles.map((role, at) => {
    const text = Buffer.from(published.file(names[at] ?? "")).toString();
    return [role, (JSON.parse(text) as { readonly signed: Signed }).signed];
  }),
);

/** What a network, a disk or an attacker without keys makes of a file. */
const damage: fc.Arbitrary<(whole: Buffer) => Uint8Array | undefined> = fc.oneof(
  fc.constant(() => undefined),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => () => bytes),
  fc.json().map((text) => () => Buffer.from(text)),
  place.map((part) => (whole: Buffer) => whole.subarray(0, Math.floor(part * whole.length))),
  fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 }).map((changes) => (whole: Buffer) => {
    const bytes = Buffer.from(whole);
    for (const [part, byte] of changes) bytes[Math.floor(part * bytes.length)] = byte;
    return bytes;
  }),
  fc.tuple(place, fc.string({ unit: "binary", maxLength: 40 })).map(([part, text]) => (whole: Buffer) => {
    const at = Math.floor(part * whole.length);
    return Buffer.concat([whole.subarray(0, at), Buffer.from(text), whole.subarray(at)]);
  }),
  fc.tuple(place, junk).map(
    ([, value]) =>
      () =>
        Buffer.from(JSON.stringify({ signed: value, signatures: [value] }) ?? ""),
  ),
  fc
    .integer({ min: 1, max: 70_000 })
    .map((size) => (whole: Buffer) => Buffer.concat([whole, Buffer.alloc(size, 0x20)])),
);

const signedPart = (bytes: Uint8Array | undefined): string =>
  canonicalJson((JSON.parse(Buffer.from(bytes ?? "").toString()) as { signed: unknown }).signed);

/** What a board has in the end: only what the publisher has signed, of this or the former publication. */
function requireVerified(board: TrustingBoard, repository: TufRepository, before: StoredMetadata): void {
  const { timestamp, snapshot, targets, root, roles: stored } = board.stored;
  const pairs = [
    ["timestamp.json", timestamp, before.timestamp],
    ["2.snapshot.json", snapshot, before.snapshot],
    ["2.targets.json", targets, before.targets],
    ["2.root.json", root, before.root],
    ["2.acme,gateway.json", stored.get("acme,gateway"), before.roles.get("acme,gateway")],
  ] as const;
  for (const [name, kept, former] of pairs) {
    if (kept !== former && signedPart(kept) !== signedPart(repository.file(name)))
      throw new Error(`${name} was never published`);
  }
  const loaded = board.load();
  if (loaded !== "ok") throw new Error(`What is stored is not trusted: ${loaded}`);
}

/** "ok" or a code that is ours; the record does not fall, but where a root says so. */
async function refresh(board: TrustingBoard, repository: TufRepository): Promise<string> {
  const before = board.record;
  const { root } = board.stored;
  const result = await board.refresh(repository);
  if (result !== "ok" && !Object.hasOwn(errorCodes, result)) throw new Error(`The code ${result} is not one of ours.`);
  if (result !== "ok" && (board.error?.message ?? "").length < 20) throw new Error("The error says nothing.");
  if (board.record.floor !== before.floor) throw new Error("The floor has changed.");
  const mayFall = board.stored.root !== root; // A root may withdraw the key that has signed the time.
  if (!mayFall && (board.record.issued ?? "") < (before.issued ?? "")) throw new Error("The signed time has fallen.");
  return result;
}

checkProperties({
  "damaged files: a code, or what was published; what is kept was published, and is trusted": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...names), damage), { minLength: 1, maxLength: 2 }),
        async (damages) => {
          Object.assign(reader, first);
          for (const [name, spoil] of damages) {
            const bytes = spoil(Buffer.from(intact.get(name) ?? ""));
            if (bytes === undefined) published.files.delete(name);
            else published.files.set(name, bytes);
          }
          await refresh(reader, published);
          for (const [name, bytes] of intact) published.files.set(name, bytes);
          requireVerified(reader, published, first.stored);
          const mended = await refresh(reader, published);
          if (mended !== "ok") throw new Error(`The board is stuck: ${mended}`);
        },
      ),
      search,
    ),

  "files that the right key has signed, of whatever form: a code, or what a second look says too": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.constantFrom(...roles).chain((role) => fc.tuple(fc.constant(role), mutated(signedParts.get(role)))),
        async ([role, tree]) => {
          const isObject = typeof tree === "object" && tree !== null && !Array.isArray(tree);
          const { board, repository } = await secondPublication(
            isObject ? { edit: { [role]: become(tree as Signed) } } : {},
          );
          if (!isObject) repository.files.set(names[roles.indexOf(role)] ?? "", signedFile(tree as Signed, [working]));
          const before = board.stored;
          const result = await refresh(board, repository);
          const { trusted } = board;
          if (result !== "ok") {
            if (board.stored.timestamp !== before.timestamp && board.stored.timestamp !== undefined)
              throw new Error("Half a refresh is kept.");
            return;
          }
          const loaded = board.load();
          if (loaded !== "ok" || canonicalJson(board.trusted) !== canonicalJson(trusted))
            throw new Error(`A second look says: ${loaded}`);
        },
      ),
      search,
    ),

  "after whatever the right key has signed, new keys help": (search) =>
    counterexample(
      fc.asyncProperty(
        fc.constantFrom(...roles.slice(1)).chain((role) => fc.tuple(fc.constant(role), mutated(signedParts.get(role)))),
        async ([role, tree]) => {
          if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return;
          const { board, repository } = await secondPublication({ edit: { [role]: become(tree as Signed) } });
          await refresh(board, repository);
          const keys = { keys: [testKey("after the theft")], threshold: 1 };
          repository.writeRoot({ targets: keys, boards: keys, snapshot: keys, timestamp: keys }, daysLater(2));
          repository.publish(daysLater(2));
          const result = await board.refresh(repository);
          if (result !== "ok") throw new Error(`The board is stuck: ${result}`);
        },
      ),
      search,
    ),
});

/** Makes a signed part the same as another one. */
function become(tree: Signed): (signed: Signed) => void {
  return (signed) => {
    for (const key of Object.keys(signed)) delete signed[key];
    for (const [key, value] of Object.entries(tree)) if (value !== undefined) put([key], value)(signed);
  };
}
