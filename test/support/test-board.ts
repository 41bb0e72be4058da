import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createAgent } from "../../agent/create-agent.ts";
import type { Agent } from "../../agent/agent.ts";
import { kernelBootClock } from "../../agent/board/hardware/boot.ts";
import { simulatedClock, systemRuntime, systemTimer } from "../../agent/board/hardware/clocks.ts";
import { HttpsSource } from "../../agent/board/image/https-source.ts";
import { simulatedInstaller } from "../../agent/board/installers/simulated.ts";
import { FilePartialStore } from "../../agent/board/image/partial-store.ts";
import { createBoard, powerOn, readBoard, writeBoard } from "../../agent/board/simulator/board.ts";
import { createTrustGate } from "../../agent/board/trust/trust-gate.ts";
import { StagingFolder } from "../../agent/board/image/staging.ts";
import { ChecksummedStateFile } from "../../agent/board/fs/state-file.ts";
import { DiskReserveFile } from "../../agent/board/fs/reserve-file.ts";
import { BootCounterFile } from "../../agent/board/fs/boot-counter-file.ts";
import type { Timer } from "../../agent/lib/clock.ts";
import type { Log } from "../../agent/lib/log.ts";
import type { MethodReply } from "../../agent/contract/method-reply.ts";
import type { Runtime } from "../../agent/lib/runtime.ts";
import { parseHubAddress } from "../../agent/hub/address.ts";
import { connectToAzure } from "../../agent/hub/azure-connection.ts";
import type { HubTimeouts } from "../../agent/hub/azure-connection.ts";
import type { JsonObject } from "../../agent/contract/json.ts";
import type { Connection } from "../../agent/hub/connection.ts";
import type { RebootPort } from "../../agent/reboot/runner.ts";
import { Downloader, downloadLimits } from "../../agent/download/download.ts";
import type { FileInstaller, StagingArea } from "../../agent/update/ports.ts";
import type { AgentState } from "../../agent/operations/agent-state.ts";
import { parseSettings } from "../../agent/config/parse-settings.ts";
import type { Settings } from "../../agent/config/settings.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import type { Transport } from "./azure-sdk.ts";
import { bareInventory } from "./inventory.ts";
import { testLog } from "./logs.ts";
import { overriding } from "./overriding.ts";
import { goodMetrics } from "./metrics.ts";
import { FakeTrustGate } from "./fake-trust-gate.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface TestBoardOptions {
  readonly transport?: Transport;
  readonly deviceId?: string;
  /** Whether the hub has the device already. */
  readonly isRegistered?: boolean;
  readonly moduleId?: string;
  /** What the board is made of. */
  readonly inventory?: Partial<typeof bareInventory>;
  /** Settings by name, as in TOML. */
  readonly settings?: Record<string, unknown>;
  /** PEM of the authorities that the board trusts for images; default: the hub's. */
  readonly imageCa?: string;
  /** Wraps an adapter, to make it fail, wait or report. */
  readonly installer?: (installer: FileInstaller) => FileInstaller;
  readonly staging?: (staging: StagingArea) => StagingArea;
  readonly power?: (power: RebootPort) => RebootPort;
  readonly timer?: (timer: Timer) => Timer;
  /** Of the link, where the usual one is too long for a test that cuts it. */
  readonly timeouts?: HubTimeouts;
  readonly log?: Log;
  /** A gate over the files of the board's folder, in place of the fake. */
  readonly hasRealTrust?: boolean;
  /** Called with the board's folder before it starts for the first time. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** As quick as a board can be: a test waits for states, not for pauses. */
const quick = {
  "update.installer": "simulated",
  "update.healthy-for-seconds": 0,
  "update.prove-within-seconds": 30,
  "simulation.pause-seconds": 0,
  "report.progress-seconds": 0,
  "health.every-seconds": 0,
};

/**
 * A simulated board in this process: the agent with its real adapters, over a boot loader and a power supply that the
 * test has in its hands. A reboot ends the agent and starts another one on the saved state, as on any board.
 */
export class TestBoard {
  readonly folder: string;
  readonly deviceId: string;
  readonly #hub: LocalHub;
  readonly #options: TestBoardOptions;
  #agent: Agent | undefined;
  /** Every patch of the reported properties that was sent, from the first start on. */
  readonly reports: JsonObject[] = [];
  readonly trust = new FakeTrustGate();
  /** How often a connection was tried, from the first start on. */
  attempts = 0;
  /** How often the board was started. */
  boots = 0;
  /** Set to keep a rebooting board down until it resolves. */
  rebootHold: Promise<void> | undefined;
  #rebooting: Promise<void> = Promise.resolve();

  private constructor(hub: LocalHub, folder: string, options: TestBoardOptions) {
    this.#hub = hub;
    this.folder = folder;
    this.#options = options;
    this.deviceId = options.deviceId ?? "board-1";
  }

  /** Registers a device (or module) and starts a board that speaks as it. */
  static async start(hub: LocalHub, options: TestBoardOptions = {}): Promise<TestBoard> {
    const board = new TestBoard(hub, await temporaryFolder(), options);
    await options.prepare?.(board.folder);
    if (options.isRegistered !== true) await hub.addDevice(board.deviceId);
    if (options.moduleId !== undefined) await hub.addModule(board.deviceId, options.moduleId);
    await board.powerOn();
    onTestFinished(() => board.powerOff());
    return board;
  }

  get stagingFolder(): string {
    return join(this.folder, "staging");
  }

  get settings(): Settings {
    return parseSettings([{ source: "test", values: { ...quick, ...this.#options.settings } }]).settings;
  }

  get #boardFile(): string {
    return join(this.folder, "board.json");
  }

  /** What the board has saved, as it lies on disk. */
  async saved(): Promise<AgentState | undefined> {
    return (await new ChecksummedStateFile(this.folder).load()).saved;
  }

  /** The version that the boot loader would say is running. */
  async runningVersion(): Promise<string | null> {
    const board = await readBoard(this.#boardFile);
    return board === undefined ? null : board.slots[board.running];
  }

  /** Power comes on: the boot loader chooses a slot, and the agent starts. */
  async powerOn(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const board = powerOn(
      (await readBoard(this.#boardFile)) ?? createBoard("1.0.0"),
      randomUUID(),
      kernelBootClock.nowMs(),
    );
    await writeBoard(this.#boardFile, board);
    this.boots += 1;
    await this.startAgent();
  }

  /** The agent starts, in the same boot. */
  async startAgent(): Promise<void> {
    const { transport = "MQTT", moduleId, installer, staging, power, timer, timeouts } = this.#options;
    const address = parseHubAddress(this.#hub.deviceConnectionString(this.deviceId, moduleId), {
      webSocket: transport === "WebSockets",
      webSocketPort: this.#hub.ports.https,
    });
    if (!address.ok) throw new Error(address.problems.join("; "));
    const { settings } = this;
    const stateFile = new ChecksummedStateFile(this.folder);
    const { saved, loadQuality } = await stateFile.load();
    const board = await readBoard(this.#boardFile);
    const ca = this.#options.imageCa ?? this.#hub.ca;
    const http = new HttpsSource({ allowHttp: settings.allowHttp, ca, userAgent: "test" });
    const runtime: Runtime = {
      ...systemRuntime(this.#options.log ?? testLog),
      wallClock: simulatedClock,
      timer: wrapped(systemTimer, timer),
      random: () => 0,
    };
    const partialStore = new FilePartialStore(board?.bootId ?? "", kernelBootClock, {
      keepFreeBytes: settings.keepFreeBytes,
    });
    const trustFiles = { ...settings, stateDir: this.folder };
    const trust =
      this.#options.hasRealTrust === true
        ? await createTrustGate(trustFiles, { runtime, http, simulated: true, agentVersion: "0.2.0" })
        : this.trust;
    this.#agent = createAgent(
      {
        version: "0.0.0-test",
        mode: "simulated",
        setLogLevel: () => undefined,
        runtime,
        bootId: board?.bootId ?? "",
        identity: this.deviceId,
        inventory: { ...bareInventory, ...this.#options.inventory },
        findHardwareInfo: () => Promise.resolve(null),
        readMetrics: () => Promise.resolve(goodMetrics),
        stateFile,
        loadedState: saved,
        loadQuality,
        startupAlerts: [],
        bootCounter: new BootCounterFile(this.folder),
        reserve: new DiskReserveFile(this.folder),
        staging: wrapped(
          new StagingFolder(this.stagingFolder, settings.keepFreeBytes, settings.stagingQuotaBytes),
          staging,
        ),
        partialStore,
        downloader: new Downloader(
          {
            source: http,
            partialStore,
            ...runtime,
          },
          downloadLimits(settings),
        ),
        installer: wrapped(simulatedInstaller(this.#boardFile, systemTimer, settings.simulationPauseMs), installer),
        trust,
        rebootPort: wrapped({ reboot: () => this.#takeReboot(), inhibitors: () => Promise.resolve([]) }, power),
        connect: async (signal) => {
          this.attempts += 1;
          return this.#noting(
            await connectToAzure(
              {
                address: address.value,
                ca: this.#hub.ca,
                productInfo: "test",
                timer: systemTimer,
                log: testLog,
                ...(timeouts === undefined ? {} : { timeouts }),
              },
              signal,
            ),
          );
        },
      },
      settings,
    );
    this.#agent.start();
  }

  /** The same connection, with its reports noted down. */
  #noting(connection: Connection): Connection {
    return overriding(connection, {
      updateReported: async (patch) => {
        this.reports.push(patch);
        await connection.updateReported(patch);
      },
    });
  }

  /** Calls a method on the board itself. */
  async ask(name: string, payload: unknown = null): Promise<MethodReply> {
    if (this.#agent === undefined) throw new Error("No agent runs.");
    return await this.#agent.callMethod(name, payload);
  }

  /** The agent stops as on SIGTERM. */
  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
    this.#agent = undefined;
  }

  async powerOff(): Promise<void> {
    await this.#rebooting;
    await this.stopAgent();
  }

  /** The order is taken at once; what follows is the end of the agent and the start of another. */
  #takeReboot(): Promise<void> {
    this.#rebooting = (async () => {
      await this.stopAgent();
      await this.rebootHold;
      await this.powerOn();
    })();
    return Promise.resolve();
  }
}

function wrapped<T>(adapter: T, wrap: ((adapter: T) => T) | undefined): T {
  return wrap === undefined ? adapter : wrap(adapter);
}
