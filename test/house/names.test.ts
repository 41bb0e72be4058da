import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { filesIn } from "./sources.ts";

/*
 * One word, one thing (docs/glossary.md): words that stood here for something which this field has a term for. They are
 * banned as names of files and in the code, not in sentences or in what goes over a wire or to a disk.
 */

/** Words that no name may have as a part; after the arrow the term of this field. */
const bannedWords: Readonly<Record<string, string>> = {
  attendant: "service watchdog",
  awake: "recovered",
  chapter: "tracker",
  companion: "managed process",
  conduit: "faulty socket",
  desk: "request handler",
  dialect: "twin format",
  dialects: "twin formats",
  door: "helper",
  doors: "helpers",
  doorkeeper: "authenticate",
  essence: "state abstraction",
  fate: "outcome",
  fates: "outcomes",
  farewell: "report flush",
  intake: "local upload",
  judge: "check",
  judged: "checked",
  judgement: "check",
  judgements: "checks",
  lane: "delay queue",
  narrator: "demo output",
  papers: "debian/generate",
  passage: "packet filter",
  patience: "timeouts",
  patient: "retrying",
  patiently: "retry",
  pursuit: "action runner",
  scene: "progress view",
  story: "tracker",
  surroundings: "launch options",
  told: "reported, notified",
  verdict: "result, authorize",
  vitals: "metrics",
  vocabulary: "twin format",
  vocabularies: "twin formats",
  workshop: "image pipeline",
  world: "context, environment",
};

/** Whole names that are banned, for words that have another meaning elsewhere. */
const bannedNames: Readonly<Record<string, string>> = {
  Duty: "Action",
  Ground: "HubContext",
  Journal: "StateStore",
  Line: "InstrumentedTransport",
  LinkTrouble: "ConnectionError",
  NotSaved: "StateNotPersisted",
  Power: "Reboot",
  Refusal: "ErrorResponse",
  Stage: "Scheduler, Sandbox",
  Standing: "WindowStatus",
  TrialRecord: "BootCounter",
  calm: "no faults",
  lastGood: "last known good",
  look: "probe, read",
  reach: "reachable",
  standing: "window status",
  strike: "trigger",
  travel: "send",
};

const files = filesIn("agent", "service-tools", "systemd", "test").filter(
  (path) => path !== "test/house/names.test.ts",
);

/** `handleMethod`, `handle_method` and `handle-method` are made of these words, in lower case. */
function wordsOf(name: string): string[] {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z\d]+/);
}

/** The names in a source, without its comments and texts; of a template what stands in its `${}`. */
function namesIn(source: string): Set<string> {
  const code = source
    .replaceAll(/\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?<![:\\])\/\/[^\n]*/g, " ")
    .replaceAll(/`(?:\\.|\$\{([^{}]*)\}|[^`\\])*?`/g, (template) =>
      [...template.matchAll(/\$\{([^{}]*)\}/g)].map(([, inside]) => inside).join(" "),
    )
    .replaceAll(/(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[dgimsuvy]*/g, " ");
  return new Set(code.match(/[A-Za-z_$][\w$]*/g));
}

function bannedIn(name: string): string[] {
  const word = wordsOf(name).find((one) => Object.hasOwn(bannedWords, one));
  if (word !== undefined) return [`${name} (rather: ${bannedWords[word]})`];
  return Object.hasOwn(bannedNames, name) ? [`${name} (rather: ${bannedNames[name]})`] : [];
}

describe("names", () => {
  it("no path has a banned word", () => {
    const offences = files.flatMap((path) => {
      const found = path.split("/").flatMap((part) => bannedIn(part.replace(/(\.test)?\.ts$/, "")));
      return found.map((one) => `${path}: ${one}`);
    });
    expect(offences).toStrictEqual([]);
  });

  it("no identifier has a banned word", () => {
    const offences = files.flatMap((path) => {
      const found = [...namesIn(readFileSync(path, "utf8"))].flatMap(bannedIn);
      return found.map((one) => `${path}: ${one}`);
    });
    expect(offences).toStrictEqual([]);
  });
});

it("names are found in code, not in comments, texts and expressions", () => {
  const source = [
    "const a = 1; // b c",
    "/* d */ e('f', \"g\", `h ${i} j`);",
    'k.l(/m"n/g); o: `https://p/${q(r)}`',
  ].join("\n");
  expect([...namesIn(source)].join(" ")).toBe("const a e i k l o q r");
});
