import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { cwd } from "node:process";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { Disk } from "../os/disk.ts";
import { Machine } from "../os/machine.ts";
import { prepare, provision } from "../os/provision.ts";
import type { Service } from "./process-cost.ts";
import { ServiceApp } from "./service-app.ts";

/** A program that runs as a service on the board that is measured. */
export interface Program {
  readonly name: string;
  readonly unit: string;
  /** What it runs; left out where the package brings the unit. */
  readonly script?: string;
  /** Whether it connects to the hub, as a device that is called as its unit. */
  readonly connects: boolean;
  /** Whether it runs in the sandbox and within the limits of the agent's unit. */
  readonly confined: boolean;
}

/** In milliseconds, from the moment in which systemd began to start it. */
export interface Start {
  /** Until it told systemd that it is ready; a tutorial's script does not notify systemd. */
  readonly readyMs: number | undefined;
  /** Until the hub had accepted its connection. */
  readonly connectedMs: number;
  /** Until a method call that was waiting for it had its answer. */
  readonly answeredMs: number;
}

/** Debian 13 in a container, with a package of ours as it ships and other programs beside it, all on its Node.js. */
export class BenchBoard {
  readonly machine: Machine;
  readonly #hub: LocalHub;
  readonly #prefix: string;

  private constructor(machine: Machine, hub: LocalHub, prefix: string) {
    this.machine = machine;
    this.#hub = hub;
    this.#prefix = prefix;
  }

  /**
   * @param architecture of the package: "all" runs on Debian's Node.js, the others carry one
   * @param layers folders that are the container's root file system, the lowest first
   */
  static async boot(
    hub: LocalHub,
    architecture: string,
    layers: readonly string[],
    programs: readonly Program[],
  ): Promise<BenchBoard> {
    const machine = new Machine(await Disk.over(layers));
    const board = new BenchBoard(machine, hub, architecture);
    await prepare(machine.disk);
    for (const program of programs) {
      const secret = program.connects ? await hub.addDevice(board.#deviceOf(program)) : "";
      if (program.script === undefined) await provision(machine.disk, secret, hub.ca);
      else await machine.disk.write(`/etc/systemd/system/${program.unit}`, await unitFor(program, secret));
    }
    await machine.powerOn();
    await machine.installPackage(await packageFor(architecture));
    return board;
  }

  /** Starts a program that is not running, and stays until it serves. */
  async start(program: Program): Promise<Start> {
    const app = new ServiceApp(this.#hub, this.#deviceOf(program));
    await this.machine.shell(`systemctl stop ${program.unit}`);
    await app.untilGone();
    const answered = app.call("getStatus").then(() => monotonicMs());
    await this.machine.shell(`systemctl start ${program.unit}`);
    const answeredAtMs = await answered;
    const times = await this.machine.shell(
      `systemctl show ${program.unit} -P InactiveExitTimestampMonotonic -P ActiveEnterTimestampMonotonic`,
    );
    const [beganAtMs = 0, activeAtMs = 0] = times.split("\n").map((microseconds) => Number(microseconds) / 1_000);
    return {
      readyMs: program.script === undefined ? activeAtMs - beganAtMs : undefined,
      connectedMs: (await app.seen()).connectedAtMs - bootedAtMs() - beganAtMs,
      answeredMs: answeredAtMs - beganAtMs,
    };
  }

  /** The running service, for those who measure it from outside. */
  async service({ unit }: Program): Promise<Service> {
    const pid = Number(await this.machine.shell(`systemctl show ${unit} -P MainPID`));
    return { root: `/proc/${this.machine.boot.leader}/root`, unit, pid };
  }

  app(program: Program): ServiceApp {
    return new ServiceApp(this.#hub, this.#deviceOf(program));
  }

  #deviceOf({ unit }: Program): string {
    return `${this.#prefix}-${unit.replace(".service", "")}`;
  }
}

/** What in the agent's unit starts and serves the agent alone. The rest of its [Service] is sandbox and limits. */
const agentsOwn =
  /^(?:Type|ExecStart|NotifyAccess|WatchdogSec|Timeout\w+|SyslogIdentifier|Restart\w*|User|StateDirectory\w*|LoadCredential|SetCredential|RuntimeDirectory|OOMPolicy)=/;

async function unitFor({ script = "", confined }: Program, connectionString: string): Promise<string> {
  const unit = await readFile("systemd/boardkeeper-agent.service", "utf8");
  const [, service = ""] = /^\[Service\]$([^]*?)^\[Install\]$/m.exec(unit) ?? [];
  const bounds = service.split("\n").filter((line) => /^\w+=/.test(line) && !agentsOwn.test(line));
  if (!bounds.includes("ProtectSystem=strict")) throw new Error("The agent's unit has no sandbox that was found.");
  return `[Service]
User=boardkeeper
Environment="CONNECTION_STRING=${connectionString}" CA_FILE=/etc/boardkeeper/hub-ca.pem
ExecStart=/usr/lib/boardkeeper/node ${script}
${confined ? bounds.join("\n") : ""}
`;
}

async function packageFor(architecture: string): Promise<string> {
  const folder = join(cwd(), "dist/packages");
  const name = (await readdir(folder)).find((one) => one.endsWith(`_${architecture}.deb`));
  if (name === undefined) throw new Error(`There is no package for ${architecture} in ${folder}: run scripts/package.`);
  return join(folder, name);
}

/** The clock of systemd's monotonic times, which containers share with their host. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** When that clock was zero, as Date says times. */
function bootedAtMs(): number {
  return performance.timeOrigin + performance.now() - monotonicMs();
}
