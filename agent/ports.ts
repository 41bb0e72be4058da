import type { Runtime } from "./lib/runtime.ts";
import type { HardwareInfo, Snapshot } from "./contract/snapshot.ts";
import type { Connect } from "./hub/connection.ts";
import type { StateFile } from "./state/ports.ts";
import type { LogLevel } from "./contract/logs.ts";
import type { LogRingBuffer } from "./lib/log-ring-buffer.ts";
import type { RebootPort } from "./reboot/runner.ts";
import type { ReserveFile } from "./state/disk-reserve.ts";
import type { AgentState, LoadQuality } from "./operations/agent-state.ts";
import type { ImageDownloader, Installer, StagingArea, BootCounter } from "./update/ports.ts";
import type { BoardMetrics } from "./telemetry/metrics.ts";

/** All that the agent touches: a real board's adapters, a simulated board's, or a test's fakes. */
export interface AgentPorts {
  readonly version: string;
  readonly mode: Snapshot["agent"]["mode"];
  /** Sets how much is logged from now on. */
  readonly setLogLevel: (level: LogLevel) => void;
  readonly runtime: Runtime;
  readonly bootId: string;
  /** Which device (and module) this is: a fleet is spread over a maintenance window by it. */
  readonly identity: string;
  readonly inventory: Snapshot["board"];
  /** Finds out what the board is made of, where that is not known for this boot yet; else null. Takes its time. */
  readonly findHardwareInfo: (signal: AbortSignal) => Promise<HardwareInfo | null>;
  /** How the board is now. */
  readonly readMetrics: () => Promise<BoardMetrics>;
  readonly stateFile: StateFile<AgentState>;
  /** What the state file held at start; undefined for a board on which nothing was saved yet. */
  readonly loadedState: AgentState | undefined;
  /** How it was found. */
  readonly loadQuality: LoadQuality;
  /** What was wrong with configuration and saved state at start, one sentence each, for the twin. */
  readonly startupAlerts: readonly string[];
  readonly bootCounter: BootCounter;
  /** Room for both on a full disk; absent where a disk has none to keep back. */
  readonly reserve?: ReserveFile | undefined;
  readonly staging: StagingArea;
  readonly fetcher: ImageDownloader;
  readonly installer: Installer;
  readonly power: RebootPort;
  readonly connect: Connect;
  /** Keeps the last lines of `log`; absent where nobody does. */
  readonly recentLog?: LogRingBuffer | undefined;
}
