import * as fc from "fast-check";
import { expect } from "vitest";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import type { Json, JsonObject } from "../../agent/contract/json.ts";
import { PersistentStateStore } from "../../agent/state/store.ts";
import { createLog } from "../../agent/lib/log.ts";
import { Alerts } from "../../agent/lib/alerts.ts";
import { RemoteConfigHandler } from "../../agent/config/remote-config-handler.ts";
import { describeRemote } from "../../agent/config/remote-config-decisions.ts";
import { EffectiveSettings } from "../../agent/config/effective-settings.ts";
import { initialState, type AgentState, type AgentStateStore } from "../../agent/operations/agent-state.ts";
import { parseSettings, settingNames } from "../../agent/config/parse-settings.ts";
import { settings, type Settings } from "../../agent/config/settings.ts";
import { validateWindows, cronOpenings } from "../../agent/maintenance/cron.ts";
import { snapshotWith } from "../support/snapshots.ts";
import { jobWith, states } from "../support/updates.ts";
import { checkProperties, counterexample } from "./counterexample.ts";
import { junk, secret, secretText } from "./inputs.ts";
import { MemoryDisk } from "../support/memory-disk.ts";
import { fakeRuntime } from "../support/fake-runtime.ts";

/* The desired property `boardkeeper`: configuration from whoever may write a twin, through the real handler and onto a disk. */

const nowMs = Date.parse("2026-01-02T03:04:05.000Z");
const remoteNames = [
  "agent.log-level",
  "maintenance.windows",
  "report.progress-seconds",
  "health.every-seconds",
  "health.least-seconds",
] as const;
const remoteFields = new Set(
  Object.keys(settings).filter((_field, at) => remoteNames.some((name) => name === settingNames[at])),
);
const base = parseSettings([
  { source: "file", values: { "agent.log-level": "warn", "health.least-seconds": 70 } },
]).settings;

const lines: string[] = [];
const log = createLog("debug", { write: (line) => void lines.push(line) });

/** A board with an update under way, and all that it takes to configure it. */
class ConfiguredBoard {
  readonly disk = new MemoryDisk();
  readonly store: AgentStateStore;
  readonly effectiveSettings: EffectiveSettings;
  readonly #handler: RemoteConfigHandler;

  constructor() {
    lines.length = 0;
    const stopping = new AbortController().signal;
    const file = new ChecksummedStateFile("/state", this.disk);
    const runtime = fakeRuntime({
      bootClock: { nowMs: () => 1_000 },
      timer: { after: () => Promise.resolve() },
      log,
    });
    const saved = { ...initialState("boot-1"), update: states(jobWith({ uri: "https://images.example/x" })).staged };
    this.store = new PersistentStateStore<AgentState>({ ...runtime, file, stopping, alerts: new Alerts([]) }, saved);
    this.effectiveSettings = new EffectiveSettings(this.store, base, (problem) => lines.push(problem));
    this.#handler = new RemoteConfigHandler({
      ...runtime,
      store: this.store,
      base,
      validateWindows: (windows) => validateWindows(windows, nowMs),
      stopping,
    });
  }

  async take(document: JsonObject, version: number): Promise<void> {
    await this.#handler.handleDesired(JSON.parse(JSON.stringify(document)) as JsonObject, version);
  }

  /** All that anybody hears of it. */
  output(): string {
    const config = describeRemote(this.store.state);
    return `${lines.join("")}${JSON.stringify(reportedProperties(snapshotWith({}, { config })))}`;
  }

  /** What the next agent on this board would begin with, and the settings that it would have. */
  async next(): Promise<{ saved: AgentState | undefined; settings: Settings; mistakes: string[] }> {
    const { saved } = await new ChecksummedStateFile("/state", this.disk).load();
    const mistakes: string[] = [];
    const store = { state: saved ?? initialState("boot-1"), onChange: () => () => undefined };
    return { saved, settings: new EffectiveSettings(store, base, (one) => mistakes.push(one)).current, mistakes };
  }
}

/** A document's section with a value under each name: `agent.log-level` in the table `agent`. */
function sectionOf(values: Readonly<Record<string, unknown>>): unknown {
  const section: Record<string, Record<string, unknown>> = {};
  for (const [name, value] of Object.entries(values)) {
    const [table = "", key = ""] = name.split(/\.(.*)/);
    section[table] = { ...section[table], [key]: value };
  }
  return section;
}

const cronField = fc.oneof(
  fc.constantFrom(
    "*",
    "0",
    "2",
    "*/5",
    "1-5",
    "SUN",
    "?",
    "L",
    "31",
    "30",
    "60",
    "*/0",
    "0-999999999",
    "1-decdecdecdec",
    "2#3",
  ),
  fc.stringMatching(/^[\w*?,/#-]{1,12}$/),
);
const cron = fc.oneof(
  fc.tuple(cronField, cronField, cronField, cronField, cronField).map((fields) => fields.join(" ")),
  fc.constantFrom("0 2 * * *", "0 0 30 2 *"),
  secretText,
);
/** Windows of which, if anything, the expression alone is wrong: only the board can find that out. */
const formed = fc.record({ cron: fc.oneof(cron, fc.constant("30 3 * * 6")), duration: fc.constantFrom("2h", "1d") });
const anyWindow = fc.record(
  {
    cron,
    duration: fc.oneof(fc.constantFrom("1m", "2h", "7d", "8d", "0m", "1e3m"), secretText),
    timezone: fc.oneof(fc.constantFrom("UTC", "Europe/Berlin", "Mars/Olympus", "+01:00", "EST5EDT"), secretText, junk),
    splay: fc.oneof(fc.constantFrom("0m", "30m", "3h"), junk),
  },
  { requiredKeys: ["cron", "duration"] },
);
const valuesOf: Readonly<Record<(typeof remoteNames)[number], fc.Arbitrary<unknown>>> = {
  "agent.log-level": fc.constantFrom("debug", "info", "warn", "error"),
  "maintenance.windows": fc.array(fc.oneof({ weight: 9, arbitrary: formed }, anyWindow), { maxLength: 2 }),
  "report.progress-seconds": fc.nat(3_600),
  "health.every-seconds": fc.nat(604_800),
  "health.least-seconds": fc.integer({ min: 60, max: 86_400 }),
};
const written = fc.record(valuesOf, { requiredKeys: [] });
const { "maintenance.windows": _windows, ...simpleValuesOf } = valuesOf;
const good = fc.record(simpleValuesOf, { requiredKeys: [] });
const anyName = fc.constantFrom<string>(...remoteNames, ...settingNames, "agent", "x", "__proto__", "hub.x");
/** Something under the name of a setting, beside others that are as they should be. */
const nearly = fc
  .record({ values: good, name: anyName, value: fc.oneof(junk, fc.nat(99_999), secretText) })
  .map(({ values, name, value }) => ({ section: sectionOf({ ...values, [name]: value }), name }));

const section: fc.Arbitrary<{ section: unknown; name: string }> = fc.oneof(
  nearly,
  written.map((values) => ({ section: sectionOf(values), name: "" })),
  junk.map((one) => ({ section: one, name: "" })),
);

checkProperties({
  "any desired configuration is applied whole or refused by its name, once, and changes nothing else": (search) =>
    counterexample(
      fc.asyncProperty(
        section,
        fc.dictionary(fc.string(), junk, { maxKeys: 2 }),
        async ({ section: asked, name }, others) => {
          const board = new ConfiguredBoard();
          await board.take({ boardkeeper: { agent: { "log-level": "error" } } }, 6);
          const before = board.store.state;
          const document = JSON.parse(JSON.stringify({ ...others, boardkeeper: asked })) as JsonObject;
          await board.take(document, 7);

          const { state: saved } = board.store;
          const { remote, seq, ...rest } = saved;
          const { remote: _remote, seq: _seq, ...restBefore } = before;
          expect(rest).toStrictEqual(restBefore);
          expect(board.output()).not.toContain(secret);
          const isThere = (document["boardkeeper"] ?? null) !== null; // A null removes the section.
          expect(remote?.desiredVersion).toBe(isThere ? 7 : undefined);
          const refused = remote?.refused ?? null;
          if (refused !== null) {
            expect(refused.message).toContain("boardkeeper");
            if (remoteNames.some((one) => one === name) || Object.hasOwn(settings, name))
              expect(refused.message).toContain(name);
            expect(remote?.applied).toStrictEqual({ agent: { "log-level": "error" } });
            expect(board.effectiveSettings.current).toStrictEqual({ ...base, logLevel: "error" });
          } else await expectOnlyRemote(board.effectiveSettings.current, document["boardkeeper"]);

          const next = await board.next();
          expect(next).toStrictEqual({
            saved: JSON.parse(JSON.stringify(saved)),
            settings: board.effectiveSettings.current,
            mistakes: [],
          });
          await board.take(document, 7);
          expect(board.store.state).toBe(saved);
          await board.take(document, 8);
          expect(board.store.state).toStrictEqual(
            isThere ? { ...saved, seq: seq + 1, remote: { ...remote, desiredVersion: 8 } } : saved,
          );
        },
      ),
      search,
    ),
});

/** Settings that a section was laid over: what may not come from afar is the board's own, numbers are numbers, and windows open. */
async function expectOnlyRemote(now: Settings, asked: Json | undefined): Promise<void> {
  const isOwn = ([field]: [string, unknown]): boolean => !remoteFields.has(field);
  expect(Object.fromEntries(Object.entries(now).filter(isOwn))).toStrictEqual(
    Object.fromEntries(Object.entries(base).filter(isOwn)),
  );
  for (const name of ["progressReportLeastMs", "healthReportEveryMs", "healthReportLeastMs"] as const)
    expect(Number.isSafeInteger(now[name]) && now[name] >= 0).toBe(true);
  for (const window of now.maintenanceWindows) {
    expect(window.splayMs).toBeLessThan(window.durationMs);
    expect((await cronOpenings(window)).after(nowMs)).toBeGreaterThan(nowMs);
  }
  if ((asked ?? null) === null) expect(now).toStrictEqual(base);
}
