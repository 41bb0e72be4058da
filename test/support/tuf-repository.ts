import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { canonicalJson } from "../../agent/trust/canonical-json.ts";
import type { MetadataSource, ReferenceClock, StoredMetadata, TrustRecord } from "../../agent/trust/ports.ts";

/* A repository of signed metadata in memory, whose every file can be changed, before or after it is signed. */

/** A JSON object that a test may change. */
export type Signed = Record<string, unknown>;

/**
 * Changes one value in a JSON object: `put(["roles", "root", "threshold"], 2)`.
 * @param value undefined removes it
 */
export function put(path: readonly string[], value: unknown): (signed: Signed) => void {
  return (signed) => {
    let parent = signed;
    for (const key of path.slice(0, -1)) parent = parent[key] as Signed;
    const last = path.at(-1) ?? "";
    if (value === undefined) delete parent[last];
    else Object.defineProperty(parent, last, { value, enumerable: true, writable: true, configurable: true });
  };
}

export interface TestKey {
  readonly id: string;
  readonly entry: { keytype: string; scheme: string; keyval: { public: string } };
  sign(bytes: Uint8Array): string;
}

function keyOf(keytype: string, scheme: string, text: string, secret: KeyObject): TestKey {
  const entry = { keytype, scheme, keyval: { public: text } };
  const digest = keytype === "ed25519" ? null : "sha256";
  return {
    entry,
    id: sha256(Buffer.from(canonicalJson(entry))),
    sign: (bytes) => sign(digest, bytes, secret).toString("hex"),
  };
}

/** The ed25519 key of this name: always the same one. */
export function testKey(name: string): TestKey {
  const seed = createHash("sha256").update(name).digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const { x = "" } = createPublicKey(secret).export({ format: "jwk" });
  return keyOf("ed25519", "ed25519", Buffer.from(x, "base64url").toString("hex"), secret);
}

/** A new key of ECDSA on P-256, as an external signer has it. */
export function testEcdsaKey(keytype = "ecdsa"): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
  return keyOf(keytype, "ecdsa-sha2-nistp256", pem, privateKey);
}

export interface RoleKeys {
  readonly keys: readonly TestKey[];
  readonly threshold: number;
}

type RootRole = "root" | "targets" | "snapshot" | "timestamp";

/** Who signs. `boards`: the roles of boards. */
export type RepositoryKeys = Readonly<Record<RootRole | "boards", RoleKeys>>;

/** Changes to the files of one publication, by the role's name: `root`, `timestamp`, `snapshot`, `targets`, or a board's. */
export interface Changes {
  /** Changes the signed part before it is signed. */
  readonly edit?: Readonly<Record<string, (signed: Signed) => void>>;
  /** Signs with these keys instead. */
  readonly signWith?: Readonly<Record<string, readonly TestKey[]>>;
}

export const working = testKey("working");
export const recovery = testKey("recovery");

/** The keys that `repo init` makes: everything by the working key, the root by the recovery key too. */
export const usualKeys: RepositoryKeys = {
  root: { keys: [working, recovery], threshold: 1 },
  targets: { keys: [working], threshold: 1 },
  snapshot: { keys: [working], threshold: 1 },
  timestamp: { keys: [working], threshold: 1 },
  boards: { keys: [working], threshold: 1 },
};

export const publishedAt = new Date("2027-03-01T12:00:00Z");
const dayMs = 86_400_000;

/** `2027-03-01T12:00:00Z` */
function tufTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** So many days after the time at which the test repository is published. */
export function daysLater(days: number): Date {
  return new Date(publishedAt.getTime() + days * dayMs);
}

/** A clock that is synchronized, and shows this time. */
export function wallClock(time: Date = publishedAt): ReferenceClock {
  return { nowMs: time.getTime(), isSynchronized: true };
}

/** A board without a clock: it believes in 1970. */
export const noClock: ReferenceClock = { nowMs: 12_000, isSynchronized: false };

export const newRecord: TrustRecord = { floor: 0, issued: null };

/** What a board's role says of an image. The bytes are those of its version's name. */
export function targetEntry(board: string, version: string, more: Signed = {}): [path: string, entry: Signed] {
  const bytes = Buffer.from(`image ${version}`);
  const digest = sha256(bytes);
  const custom = {
    version,
    epoch: 0,
    kind: "feature",
    boards: [board],
    installer: "release",
    options: {},
    contentSha256: digest,
    contentSize: bytes.length,
    ...more,
  };
  return [`${board}/${digest}.app.tar`, { length: bytes.length, hashes: { sha256: digest }, custom }];
}

/** A publisher's repository: `publish` and `rotate` write files as `boardkeeper repo` does. It is a source too, and remembers what was read. */
export class TufRepository implements MetadataSource {
  /** By their names: `1.root.json`, `timestamp.json`. Change them as you like. */
  readonly files = new Map<string, Uint8Array>();
  readonly reads: string[] = [];
  /** What each board's role lists, by path. */
  readonly boards: Record<string, Record<string, Signed>>;
  keys: RepositoryKeys;
  rootVersion = 0;
  /** Of timestamp, snapshot, targets and the roles of boards. */
  version = 0;

  constructor({
    keys = usualKeys,
    boards = { "acme,gateway": ["1.0.0"] },
    now = publishedAt,
  }: { keys?: RepositoryKeys; boards?: Record<string, readonly string[]>; now?: Date } = {}) {
    this.keys = keys;
    this.boards = Object.fromEntries(
      Object.entries(boards).map(([board, versions]) => [
        board,
        Object.fromEntries(versions.map((version) => targetEntry(board, version))),
      ]),
    );
    this.writeRoot(keys, now);
    this.publish(now);
  }

  read(name: string): Promise<Uint8Array | undefined> {
    this.reads.push(name);
    return Promise.resolve(this.files.get(name));
  }

  /** The next root, with these keys, signed by the former root's keys and its own. Publishes nothing else. */
  writeRoot(keys: Partial<RepositoryKeys>, now = publishedAt, { edit, signWith }: Changes = {}): void {
    const former = this.keys.root.keys;
    this.keys = { ...this.keys, ...keys };
    this.rootVersion += 1;
    const roles: readonly RootRole[] = ["root", "targets", "snapshot", "timestamp"];
    const signed: Signed = structuredClone({
      _type: "root",
      spec_version: "1.0.31",
      version: this.rootVersion,
      expires: tufTime(new Date(now.getTime() + 3_653 * dayMs)),
      consistent_snapshot: true,
      keys: listed(roles.flatMap((role) => this.keys[role].keys)),
      roles: Object.fromEntries(roles.map((role) => [role, signersOf(this.keys[role])])),
    });
    edit?.["root"]?.(signed);
    const signers = signWith?.["root"] ?? [...new Set([...former, ...this.keys.root.keys])];
    this.files.set(`${this.rootVersion}.root.json`, signedFile(signed, signers));
  }

  /** Writes the roles of all boards, the targets, the snapshot and the timestamp anew, each with the next version. */
  publish(now = publishedAt, { edit = {}, signWith = {} }: Changes = {}): void {
    this.version += 1;
    const { version } = this;
    const write = (role: string, name: string, days: number, keys: RoleKeys, rest: Signed): Signed => {
      const type = role in this.keys ? role : "targets";
      const expires = tufTime(new Date(now.getTime() + days * dayMs));
      const signed = structuredClone({ _type: type, spec_version: "1.0.31", version, expires, ...rest });
      edit[role]?.(signed);
      const bytes = signedFile(signed, signWith[role] ?? keys.keys);
      this.files.set(name, bytes);
      return { version: signed.version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
    };
    const names = Object.keys(this.boards);
    const metas = names.map((board) => {
      const meta = write(board, `${version}.${board}.json`, 731, this.keys.boards, { targets: this.boards[board] });
      return [`${board}.json`, meta] as const;
    });
    const { keyids, threshold } = signersOf(this.keys.boards);
    const roles = names.map((name) => ({ keyids, threshold, name, terminating: true, paths: [`${name}/*`] }));
    const delegations = { keys: listed(this.keys.boards.keys), roles };
    const targets = write("targets", `${version}.targets.json`, 731, this.keys.targets, { targets: {}, delegations });
    const meta = Object.fromEntries([["targets.json", targets] as const, ...metas]);
    const snapshot = write("snapshot", `${version}.snapshot.json`, 366, this.keys.snapshot, { meta });
    const custom = { issued: tufTime(now) };
    write("timestamp", "timestamp.json", 366, this.keys.timestamp, { meta: { "snapshot.json": snapshot }, custom });
  }

  /** A file that must be there. */
  file(name: string): Uint8Array {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw new Error(`The test repository has no ${name}.`);
    return bytes;
  }

  /** What a board that has never been connected knows: the first root. */
  seed(): StoredMetadata {
    return { root: this.file("1.root.json"), roles: new Map() };
  }

  /** What a board has stored that has just read everything. */
  stored(): StoredMetadata {
    const roles = Object.keys(this.boards).map((board) => [board, this.file(`${this.version}.${board}.json`)] as const);
    return {
      root: this.file(`${this.rootVersion}.root.json`),
      timestamp: this.file("timestamp.json"),
      snapshot: this.file(`${this.version}.snapshot.json`),
      targets: this.file(`${this.version}.targets.json`),
      roles: new Map(roles),
    };
  }
}

/** A metadata file with these signatures. A part without a canonical form is signed as it stands. */
export function signedFile(signed: Signed, keys: readonly TestKey[]): Uint8Array {
  const bytes = Buffer.from(canonicalOrPlain(signed));
  const signatures = keys.map((key) => ({ keyid: key.id, sig: key.sign(bytes) }));
  return Buffer.from(JSON.stringify({ signatures, signed }));
}

function canonicalOrPlain(signed: Signed): string {
  try {
    return canonicalJson(signed);
  } catch {
    return JSON.stringify(signed);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function listed(keys: readonly TestKey[]): Signed {
  return Object.fromEntries(keys.map((key) => [key.id, key.entry]));
}

function signersOf({ keys, threshold }: RoleKeys): { keyids: string[]; threshold: number } {
  return { keyids: keys.map(({ id }) => id), threshold };
}
