import { randomFrom } from "./random.ts";
import {
  daysLater,
  put,
  targetEntry,
  testKey,
  TufRepository,
  usualKeys,
  type Changes,
  type RepositoryKeys,
  type RoleKeys,
  type Signed,
} from "./tuf-repository.ts";

/* Repositories that a publisher, an accident or an attacker has changed by chance: the same ones for the same seed. */

/** Chances from one seed. */
export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomFrom(seed);
  }

  /** A whole number from 0 to `below` - 1. */
  upTo(below: number): number {
    return Math.floor(this.#next() * below);
  }

  /** One of these; there must be one. */
  of<T>(all: readonly T[]): T {
    return all[this.upTo(all.length)] as T;
  }

  /** True in one of so many cases. */
  oneIn(count: number): boolean {
    return this.upTo(count) === 0;
  }
}

export const randomBoards = ["acme,gateway", "acme,base"];
const signedRoles = ["root", "timestamp", "snapshot", "targets", ...randomBoards];

function randomKeys(chance: Chance): RoleKeys {
  const names = Array.from({ length: 1 + chance.upTo(3) }, () => `key ${chance.upTo(5)}`);
  const keys = [...new Set(names)].map(testKey);
  return { keys, threshold: 1 + chance.upTo(keys.length) };
}

/** A sound repository with random keys and thresholds. */
export function randomRepository(chance: Chance): TufRepository {
  const keys: RepositoryKeys = chance.oneIn(4)
    ? usualKeys
    : {
        root: randomKeys(chance),
        targets: randomKeys(chance),
        snapshot: randomKeys(chance),
        timestamp: randomKeys(chance),
        boards: randomKeys(chance),
      };
  return new TufRepository({ keys, boards: Object.fromEntries(randomBoards.map((board) => [board, ["1.0.0"]])) });
}

/** What a publisher does: new images, retired images, new keys, the next version of everything. */
function publish(repository: TufRepository, chance: Chance, step: number, changes: Changes): void {
  for (const board of randomBoards) {
    const images = repository.boards[board] ?? {};
    const paths = Object.keys(images);
    if (chance.oneIn(3)) delete images[chance.of(paths.length > 0 ? paths : [""])];
    if (chance.oneIn(2)) {
      const [path, entry] = targetEntry(board, `1.${step}.${chance.upTo(9)}`, { epoch: chance.upTo(3) });
      images[path] = entry;
    }
    repository.boards[board] = images;
  }
  const isRotated = chance.oneIn(3);
  if (isRotated || changes.edit?.["root"] !== undefined || changes.signWith?.["root"] !== undefined) {
    const role = chance.of(["root", "targets", "snapshot", "timestamp", "boards"] as const);
    repository.writeRoot(isRotated ? { [role]: randomKeys(chance) } : {}, daysLater(step), changes);
  }
  repository.publish(daysLater(step), changes);
}

type Mutation = (chance: Chance, repository: TufRepository, step: number) => string;

const edits: readonly (readonly [
  what: string,
  roles: readonly string[],
  edit: (chance: Chance) => (signed: Signed) => void,
])[] = [
  ["a higher version", signedRoles, (chance) => raise("version", 1 + chance.upTo(3))],
  ["a much lower version", ["root", "timestamp", "targets", ...randomBoards], () => put(["version"], 1)],
  ["another type", signedRoles, (chance) => put(["_type"], chance.of(["root", "snapshot", "mirrors"]))],
  ["another version of TUF", signedRoles, (chance) => put(["spec_version"], chance.of(["1.0", "1.2.9", "2.0.0"]))],
  ["an unknown field", signedRoles, () => put(["x-more"], { a: [1, null, "é"] })],
  ["expired", ["root", "targets", ...randomBoards], () => put(["expires"], "2027-01-01T00:00:00Z")],
  ["no date", signedRoles, () => put(["expires"], undefined)],
  ["no version", signedRoles, () => put(["version"], undefined)],
  [
    "a list without a role",
    ["snapshot"],
    (chance) => put(["meta", `${chance.of(["targets", ...randomBoards])}.json`], undefined),
  ],
  [
    "a list with another version",
    ["snapshot"],
    (chance) => put(["meta", `${chance.of(["targets", ...randomBoards])}.json`, "version"], 1 + chance.upTo(9)),
  ],
  [
    "a list without digests",
    ["snapshot"],
    (chance) => put(["meta", `${chance.of(["targets", ...randomBoards])}.json`, "hashes"], undefined),
  ],
  [
    "a list with a wrong size",
    ["snapshot"],
    (chance) => put(["meta", `${chance.of(["targets", ...randomBoards])}.json`, "length"], chance.upTo(5_000)),
  ],
  ["a wrong digest", ["timestamp"], () => put(["meta", "snapshot.json", "hashes", "sha256"], "0".repeat(64))],
  [
    "no size and no digest",
    ["timestamp"],
    (chance) => only(["meta", "snapshot.json"], chance.oneIn(2) ? ["version"] : ["version", "length"]),
  ],
  ["no delegations", ["targets"], () => put(["delegations"], undefined)],
  ["a delegation less", ["targets"], (chance) => put(["delegations", "roles"], chance.oneIn(2) ? [] : undefined)],
  ["a delegation without keys", ["targets"], () => put(["delegations", "keys"], {})],
  ["no keys", ["root"], () => put(["keys"], {})],
  [
    "a role less",
    ["root"],
    (chance) => put(["roles", chance.of(["root", "timestamp", "snapshot", "targets"])], undefined),
  ],
  [
    "another threshold",
    ["root"],
    (chance) => put(["roles", chance.of(["root", "timestamp", "snapshot", "targets"]), "threshold"], chance.upTo(4)),
  ],
  ["no images", randomBoards, () => put(["targets"], {})],
];

function raise(key: string, by: number): (signed: Signed) => void {
  return (signed) => put([key], Number(signed[key]) + by)(signed);
}

function only(path: readonly string[], keys: readonly string[]): (signed: Signed) => void {
  return (signed) => {
    let value: unknown = signed;
    for (const key of path) value = (value as Signed)[key];
    put(path, Object.fromEntries(Object.entries(value as Signed).filter(([key]) => keys.includes(key))))(signed);
  };
}

/** What happens to a repository between two visits of a board. */
const mutations: readonly Mutation[] = [
  (chance, repository, step) => {
    publish(repository, chance, step, {});
    return "published";
  },
  (chance, repository, step) => {
    const [what, roles, edit] = chance.of(edits);
    const role = chance.of(roles);
    publish(repository, chance, step, { edit: { [role]: edit(chance) } });
    return `${role}: ${what}`;
  },
  (chance, repository, step) => {
    const role = chance.of(signedRoles);
    publish(repository, chance, step, { signWith: { [role]: randomKeys(chance).keys } });
    return `${role}: signed by other keys`;
  },
  (chance, repository, step) => {
    publish(repository, chance, step, {});
    const name = chance.of([...repository.files.keys()]);
    repository.files.delete(name);
    return `${name}: gone`;
  },
  (chance, repository, step) => {
    publish(repository, chance, step, {});
    const [name, other] = [chance.of([...repository.files.keys()]), chance.of([...repository.files.keys()])];
    repository.files.set(name, repository.file(other));
    return `${name}: in its place ${other}`;
  },
  (chance, repository, step) => {
    publish(repository, chance, step, {});
    const name = chance.of([...repository.files.keys()]);
    const bytes = Buffer.from(repository.file(name));
    // In what is signed: how a signature is spelled, we take more exactly.
    const from = bytes.indexOf('"signed":');
    const at = from + chance.upTo(bytes.length - from);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.upTo(8));
    repository.files.set(name, bytes);
    return `${name}: a bit flipped`;
  },
  (chance, repository, step) => {
    publish(repository, chance, step, {});
    const name = chance.of([...repository.files.keys()]);
    const bytes = repository.file(name);
    repository.files.set(name, bytes.subarray(0, chance.upTo(bytes.length)));
    return `${name}: cut short`;
  },
  (chance, repository, step) => {
    const old = new Map(repository.files);
    publish(repository, chance, step, {});
    for (const [name, bytes] of old) if (!name.includes("root")) repository.files.set(name, bytes);
    return "replayed";
  },
];

/** Changes a repository in one random way. @returns what was done, for messages */
export function mutate(repository: TufRepository, chance: Chance, step: number): string {
  return chance.of(mutations)(chance, repository, step);
}
