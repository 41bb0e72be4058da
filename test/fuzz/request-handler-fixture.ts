import { imageOf, operationIdInUse } from "../../agent/operations/remembered-operations.ts";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { reportedProperties } from "../../agent/contract/twin-formats/reported-properties.ts";
import { newestLogPage } from "../../agent/contract/logs.ts";
import { DesiredFirmwareHandler } from "../../agent/update/desired-firmware-handler.ts";
import type { UpdateLimits } from "../../agent/update/validate-request.ts";
import { RequestHandler } from "../../agent/methods/request-handler.ts";
import { PersistentStateStore } from "../../agent/state/store.ts";
import { createLog } from "../../agent/lib/log.ts";
import { Alerts } from "../../agent/lib/alerts.ts";
import { describeReboot } from "../../agent/reboot/reboot-snapshot.ts";
import { initialState, type AgentState, type AgentStateStore } from "../../agent/operations/agent-state.ts";
import { describeUpdate } from "../../agent/update/update-snapshot.ts";
import { snapshotWith } from "../support/snapshots.ts";
import { MemoryDisk } from "../support/memory-disk.ts";
import { FakeTrustGate } from "../support/fake-trust-gate.ts";
import { fakeRuntime } from "../support/fake-runtime.ts";

/** One log for one counter after another: making one takes longer than all that is done with it. */
const lines: string[] = [];
const log = createLog("debug", { write: (line) => void lines.push(line) });

/** The handler of a board on which nothing has happened, unless another state is given, with all its output. */
export class RequestHandlerFixture {
  readonly disk = new MemoryDisk();
  readonly store: AgentStateStore;
  readonly handler: RequestHandler;
  readonly desired: DesiredFirmwareHandler;

  constructor(simulated: boolean, saved: AgentState = initialState("boot-1")) {
    lines.length = 0;
    const file = new ChecksummedStateFile("/state", this.disk);
    const runtime = fakeRuntime({
      wallClock: { now: () => new Date("2026-01-02T03:04:05.000Z"), synchronized: () => Promise.resolve(true) },
      bootClock: { nowMs: () => 1_000 },
      timer: { after: () => Promise.resolve() },
      newId: () => "made-here",
      log,
    });
    const stopping = new AbortController().signal;
    this.store = new PersistentStateStore<AgentState>({ ...runtime, file, stopping, alerts: new Alerts([]) }, saved);
    const trust = new FakeTrustGate();
    const limits = (): UpdateLimits => ({
      simulated,
      canInstall: true,
      allowHttp: false,
      windowConfigured: false,
      maxImageBytes: 2 ** 33,
      trust: trust.status.rule,
      repository: "https://images.example/repository",
    });
    this.handler = new RequestHandler({
      ...runtime,
      store: this.store,
      bootId: "boot-1",
      mode: simulated ? "simulated" : "systemd",
      limits,
      trust,
      window: () => Promise.resolve({ kind: "closed", until: null }),
      availableImageBytes: () => Promise.resolve(2 ** 33),
      inhibitors: () => Promise.resolve([]),
      snapshot: () => this.#snapshot(),
      link: () => ({ up: true }),
      process: () => Promise.resolve({}),
      logs: (asked) => newestLogPage(lines, asked),
      flushReports: () => Promise.resolve(),
      awaitRecovery: () => Promise.resolve(true),
    });
    this.desired = new DesiredFirmwareHandler({
      ...runtime,
      store: this.store,
      limits,
      trust,
      currentVersion: () => this.#snapshot().currentVersion,
      operationIdInUse: (job) =>
        operationIdInUse(this.store.state, {
          operationId: job.operationId,
          method: "firmwareUpdate",
          image: imageOf(job),
        }),
      stopping,
    });
  }

  /** All that anybody hears of what came in: log and twin. */
  allOutput(): string {
    return `${lines.join("")}${JSON.stringify(reportedProperties(this.#snapshot()))}`;
  }

  /** What the next agent on this board would begin with. */
  async onDisk(): Promise<AgentState | undefined> {
    return (await new ChecksummedStateFile("/state", this.disk).load()).saved;
  }

  #snapshot(): ReturnType<typeof snapshotWith> {
    const { state: saved } = this.store;
    return snapshotWith(describeUpdate(saved, null), { reboot: describeReboot(saved.reboot) });
  }
}
