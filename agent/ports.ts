import type { JsonObject } from "./contract/json.ts";
import type { HardwareInfo, Snapshot } from "./contract/snapshot.ts";
import type { Connect } from "./hub/connection.ts";
import type { LogLevel } from "./contract/logs.ts";
import type { LogRingBuffer } from "./lib/log-ring-buffer.ts";
import type { RebootPort } from "./reboot/runner.ts";
import type { StateStoragePorts } from "./operations/state-storage.ts";
import type { LoadQuality } from "./operations/agent-state.ts";
import type { PartialStore } from "./download/ports.ts";
import type { ImageDownloader, Installer, StagingArea } from "./update/ports.ts";
import type { TrustGate } from "./update/trust-gate.ts";
import type { BoardMetrics } from "./telemetry/metrics.ts";

/** All that the agent touches: a real board's adapters, a simulated board's, or a test's fakes. */
export interface AgentPorts extends StateStoragePorts {
  readonly version: string;
  readonly mode: Snapshot["agent"]["mode"];
  /** Sets how much is logged from now on. */
  readonly setLogLevel: (level: LogLevel) => void;
  /** Which device (and module) this is: a fleet is spread over a maintenance window by it. */
  readonly identity: string;
  readonly inventory: Omit<Snapshot["board"], "compatible">;
  /** Probes the hardware; null where that was done in this boot already. Takes up to a minute. */
  readonly findHardwareInfo: (signal: AbortSignal) => Promise<HardwareInfo | null>;
  /** Reads the board's metrics. */
  readonly readMetrics: () => Promise<BoardMetrics>;
  /** How the saved state was found at start. */
  readonly loadQuality: LoadQuality;
  /** What was wrong with configuration and saved state at start, one sentence each, for the twin. */
  readonly startupAlerts: readonly string[];
  readonly staging: StagingArea;
  /** The files of partial images. */
  readonly partialStore: PartialStore;
  readonly downloader: ImageDownloader;
  readonly installer: Installer;
  readonly trust: TrustGate;
  readonly rebootPort: RebootPort;
  readonly connect: Connect;
  /** Stores the configuration of this process, which has reached its hub, as last known good. Never rejects. Absent where none is kept. */
  readonly storeLastKnownGood?: (() => Promise<void>) | undefined;
  /** The hub's own time, asked for without credentials: milliseconds since 1970, null where it does not say. Never rejects. */
  readonly hubTimeMs?: ((signal: AbortSignal) => Promise<number | null>) | undefined;
  /** What this process runs with, for commands on the board (docs/contract.md, `process`). Holds no secret. Never rejects. */
  readonly describeProcess?: (() => Promise<JsonObject>) | undefined;
  /** The last lines of `log`; absent where they are not kept. */
  readonly recentLog?: LogRingBuffer | undefined;
}
