import type { LogLevel } from "../contract/logs.ts";
import { restartKinds } from "../update/job.ts";
import {
  choice,
  flag,
  list,
  path,
  paths,
  port,
  seconds,
  size,
  text,
  webFolder,
  windows,
  type Setting,
} from "./setting-types.ts";

const logLevels = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];

/**
 * Every setting of the agent, by the name of its field; the one source for the parser, `--help`, the example agent.toml and
 * the table in docs/configuration.md (scripts/generate-docs). Fields that end in `Ms` hold milliseconds and are written
 * in seconds; those that end in `Bytes` hold bytes.
 */
export const settings = {
  connectionStringFile: path({
    name: "hub.connection-string-file",
    description: "File that holds the connection string, mode 0600.",
  }),
  keepConnectionString: flag({
    name: "hub.keep-connection-string",
    initial: true,
    description: "Keep a copy of the connection string with the last known good configuration, in the state folder.",
  }),
  hubTransport: choice(["mqtt", "mqtt-ws"], {
    name: "hub.transport",
    initial: "mqtt",
    description: "`mqtt` uses port 8883. `mqtt-ws` uses WebSockets on port 443, for networks that block other ports.",
  }),
  webSocketPort: port({ name: "hub.websocket-port", description: "Port for WebSockets, where it is not 443." }),
  hubCaFile: path({
    name: "hub.ca-file",
    description: "PEM of the authority that signed the hub's certificate, where the system does not know it.",
  }),
  stateDir: path({
    name: "agent.state-dir",
    initialPath: "/var/lib/boardkeeper",
    description:
      "Folder for the agent's state; it must outlive a firmware update. The default is `$STATE_DIRECTORY` where systemd sets it. With `--simulate` it is a folder under `$BOARDKEEPER_HOME` (unless set, `boardkeeper` under `$XDG_STATE_HOME` or `~/.local/state`).",
  }),
  logLevel: choice(logLevels, {
    name: "agent.log-level",
    initial: "info",
    description: "The least important level that is logged.",
  }),
  installer: choice(["none", "release", "command", "simulated"], {
    name: "update.installer",
    initial: "none",
    description:
      "`none` refuses updates, `release` unpacks archives of an application, `command` runs a program of yours, `simulated` is the default with `--simulate` and a mistake without it.",
    page: { title: "installers", path: "installers.md" },
  }),
  repository: webFolder({
    name: "update.repository",
    description:
      "The address of the publisher's repository of signed images: the folder above its `metadata` folder. Without it a board with a trust root judges by the metadata that it has, and a request must say where its image is.",
    page: { title: "contract", path: "contract.md#signed-images" },
  }),
  allowHttp: flag({
    name: "update.allow-http",
    initial: false,
    description: "Download images and metadata over plain http too. Digests and signatures are checked all the same.",
  }),
  imageCaFile: path({
    name: "update.ca-file",
    description: "PEM of the authority that signed the image servers' certificates. Unless set, that of the hub.",
  }),
  stagingDir: path({
    name: "update.staging-dir",
    description: "Folder for images until they are installed. Unless set, `staging` in the state folder.",
    page: { title: "another disk", path: "configuration.md#state-or-images-on-another-disk" },
  }),
  maxImageBytes: size({
    name: "update.max-image-size",
    initial: "8 GiB",
    description: "Larger images are refused.",
  }),
  stagingQuotaBytes: size({
    name: "update.staging-quota",
    initial: "8 GiB",
    description:
      "The most that all images in the staging folder may take, partial ones included. Only one is kept at a time, so the smaller of this and `update.max-image-size` counts.",
  }),
  keepFreeBytes: size({
    name: "update.keep-free",
    initial: "64 MiB",
    description:
      "Space on the staging disk that images never take. A download that would take it fails with `no-space`, and its bytes are removed.",
  }),
  downloadSilenceMs: seconds({
    name: "update.silence-seconds",
    initial: 60,
    least: 1,
    most: 3_600,
    description:
      "A server that sends fewer than `update.least-bytes` within this time is given up; the download is retried.",
  }),
  downloadLeastBytes: size({
    name: "update.least-bytes",
    initial: "16 KiB",
    description: "The fewest bytes that a server must send within `update.silence-seconds`.",
  }),
  downloadBytesPerSecond: size({
    name: "update.bytes-per-second",
    initial: 0,
    description: "The highest rate of a download, per second. `0`: no limit.",
  }),
  downloadDeadlineMs: seconds({
    name: "update.download-deadline-seconds",
    initial: 86_400,
    least: 0,
    most: 2_592_000,
    description:
      "The longest time that a download may take, all retries included, counted while the agent runs. `0`: one attempt, which may take as long as bytes arrive.",
  }),
  keepPartialMs: seconds({
    name: "update.keep-partial-seconds",
    initial: 604_800,
    least: 0,
    most: 31_536_000,
    description:
      "How long the bytes of a failed or cancelled download are kept for another request for the same image. If the clock was not set when they were written, the time counts from when the agent first finds them.",
  }),
  healthyForMs: seconds({
    name: "update.healthy-for-seconds",
    initial: 30,
    least: 0,
    most: 3_600,
    description: "How long a new system must be healthy without a break before it is committed. 1 with `--simulate`.",
  }),
  proveWithinMs: seconds({
    name: "update.prove-within-seconds",
    initial: 1_800,
    least: 1,
    most: 86_400,
    description:
      "How long a new system may take to become healthy for so long; then the board rolls back. 60 with `--simulate`.",
  }),
  commandProgram: path({
    name: "update.command.program",
    description: "The program of the `command` installer. The agent warns when it cannot be run.",
  }),
  commandAsRoot: flag({
    name: "update.command.as-root",
    initial: false,
    description:
      "`true`: root's install helper runs the program that `/etc/boardkeeper/installer` names, and `update.command.program` must not be set. `false`: the agent's own user runs the program, in the agent's sandbox.",
    page: { title: "installers", path: "installers.md" },
  }),
  commandRestart: choice(restartKinds, {
    name: "update.command.restart",
    initial: "board",
    description: "What starts the new system: a reboot of the `board`, a restart of the `service`, or `none`.",
  }),
  commandTimeLimitMs: seconds({
    name: "update.command.time-limit-seconds",
    initial: 1_800,
    least: 1,
    most: 86_400,
    description: "The longest time that one call of the program may take.",
  }),
  commandReplaces: paths({
    name: "update.command.replaces",
    description:
      'Mount points whose content an update replaces, such as `["/"]`. They must exist when the agent starts, and the state must not lie on any of them.',
  }),
  maintenanceWindows: windows({
    name: "maintenance.windows",
    description: "When updates and reboots that wait for a maintenance window may change the board.",
    page: { title: "maintenance windows", path: "configuration.md#maintenance-windows" },
  }),
  rebootCommand: list({
    name: "reboot.command",
    description:
      "A program with its arguments that reboots the board, for an agent that is not the packaged service. Empty: root's reboot helper. The agent has waited for inhibitors by then, so the program should ignore them (`systemctl reboot -i`).",
    page: { title: "security", path: "security.md" },
  }),
  rebootDeadlineMs: seconds({
    name: "reboot.deadline-seconds",
    initial: 600,
    least: 10,
    most: 86_400,
    description: "A board that still runs so long after a reboot was started has not rebooted: `reboot-never-came`.",
  }),
  healthReportEveryMs: seconds({
    name: "health.every-seconds",
    initial: 21_600,
    least: 0,
    most: 604_800,
    description: "The longest time between two reports of the board's health. `0`: no reports.",
    page: { title: "contract", path: "contract.md#messages" },
  }),
  healthReportLeastMs: seconds({
    name: "health.least-seconds",
    initial: 900,
    least: 60,
    most: 86_400,
    description: "The least time between two reports of the board's health, whatever changes.",
  }),
  progressReportLeastMs: seconds({
    name: "report.progress-seconds",
    initial: 5,
    least: 0,
    most: 3_600,
    description: "The least time between two reports of a download's progress.",
  }),
  simulationPauseMs: seconds({
    name: "simulation.pause-seconds",
    initial: 15,
    least: 0,
    most: 3_600,
    description: "With `--simulate`: how long each phase of a dry run takes, and the simulated installation.",
  }),
  simulationBootMs: seconds({
    name: "simulation.boot-seconds",
    initial: 3,
    least: 0,
    most: 600,
    description: "With `--simulate`: how long the board is down when it reboots.",
  }),
  simulationFirmwareVersion: text({
    name: "simulation.firmware-version",
    initial: "1.0.0",
    description: "With `--simulate`: the firmware version of a new board.",
  }),
} as const;

/** The parsed settings: each value in the unit that its field's name says. */
export type Settings = {
  readonly [Field in keyof typeof settings]: (typeof settings)[Field] extends Setting<infer T> ? T : never;
};
