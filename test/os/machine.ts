import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Disk } from "./disk.ts";

/** systemd-nspawn ends with this when the system in it has ended itself with reboot(2). */
const rebooted = 133;
const bootProgram = fileURLToPath(new URL("boot", import.meta.url));
let machines = 0;

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What was really booted. */
export interface Boot {
  readonly bootId: string;
  /** As in "Debian 13.2". */
  readonly debian: string;
  /** As in "257 (257.9-1~deb13u1)". */
  readonly systemd: string;
  /** The process of the host that is process 1 there. */
  readonly leader: number;
}

/** A container with a systemd of its own on a disk of its own; the network is the host's. */
export class Machine {
  readonly name = `bk-${process.pid}-${(machines += 1)}`;
  readonly disk: Disk;
  /** Each boot that came up, the first first. */
  readonly boots: Boot[] = [];
  console = "";
  #container: ChildProcess | undefined;
  #power: "on" | "off" = "off";
  #over: Promise<void> = Promise.resolve();
  #news: (() => void)[] = [];
  #failure: Error | undefined;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  get isOn(): boolean {
    return this.#power === "on";
  }

  /** The boot that is running, or was the last to run. */
  get boot(): Boot {
    const boot = this.boots.at(-1);
    if (boot === undefined) throw new Error(`${this.name} was never booted.`);
    return boot;
  }

  /**
   * Boots, and boots again each time that the system reboots, until the power goes. Resolves when the first of these boots
   * is up: all that is to be started at boot has started, or failed to.
   */
  async powerOn(): Promise<Boot> {
    if (this.#power === "on") throw new Error(`${this.name} is on already.`);
    this.#power = "on";
    this.#failure = undefined;
    const next = this.boots.length + 1;
    this.#over = this.#bootAgainAndAgain().catch((cause: unknown) => {
      this.#power = "off";
      this.#failure = cause instanceof Error ? cause : new Error(String(cause));
      this.#wake();
    });
    return await this.booted(next);
  }

  /** The boot of this number, the first is 1, when it is up; rejects when the machine ends without. */
  async booted(number: number): Promise<Boot> {
    for (;;) {
      const boot = this.boots[number - 1];
      if (boot !== undefined) return boot;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#power === "off")
        throw new Error(`${this.name} is off after boot ${this.boots.length}:\n${this.console}`);
      await new Promise<void>((resolve) => this.#news.push(resolve));
    }
  }

  /** Runs a program in the machine as root, to its end, whatever that is. */
  async run(program: string, ...args: string[]): Promise<Ended> {
    return await this.#runIn(this.boot.leader, [program, ...args]);
  }

  /** Runs a shell script in the machine as root; resolves with what it has printed, rejects when it fails. */
  async shell(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.run("bash", "-euo", "pipefail", "-c", script);
    if (status !== 0) throw new Error(`${this.name}: '${script}' ended with ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Puts a text into a file of the running machine. */
  async write(path: string, text: string | Buffer, mode = "644"): Promise<void> {
    // Not install(1): the pipes that Node makes are sockets, which /dev/stdin cannot open.
    const script = 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"';
    const shell = this.#enter(this.boot.leader, ["sh", "-c", script, "write", path, mode]);
    shell.stdin?.end(text);
    const [status] = (await once(shell, "close")) as [number | null];
    if (status !== 0) throw new Error(`${this.name}: ${path} cannot be written.`);
  }

  /** Installs a package of the host as an operator does; the network is not asked for what it needs. */
  async installPackage(file: string): Promise<void> {
    await this.write("/tmp/agent.deb", await readFile(file));
    await this.shell(
      `DEBIAN_FRONTEND=noninteractive apt-get install -y --allow-downgrades /tmp/agent.deb && rm /tmp/agent.deb`,
    );
  }

  /** Waits until a unit has logged a line that matches, in this boot and from its begin on. */
  async logged(unit: string, pattern: RegExp): Promise<string> {
    const follow = this.#enter(this.boot.leader, ["journalctl", "-b", "-f", "-n", "all", "-o", "cat", "-u", unit]);
    let text = "";
    try {
      for await (const chunk of follow.stdout?.setEncoding("utf8") ?? []) {
        text += String(chunk);
        const line = text.split("\n").find((one) => pattern.test(one));
        if (line !== undefined) return line;
      }
    } finally {
      follow.kill("SIGKILL");
    }
    throw new Error(`${this.name}: ${unit} never logged ${String(pattern)}:\n${text}`);
  }

  /** Ends it between two instructions. What was written lies in the host's memory and is there again: no disk is cut off. */
  async cutPower(): Promise<void> {
    this.#power = "off";
    this.#container?.kill("SIGKILL");
    await this.#over;
  }

  async powerOff(): Promise<void> {
    await this.run("systemctl", "poweroff");
    await this.#over;
  }

  /** The end of the machine and of its disk. */
  async discard(): Promise<void> {
    await this.cutPower();
    await once(this.#spawn([]), "close"); // Takes its cgroups away.
    await this.disk.remove();
  }

  async #bootAgainAndAgain(): Promise<void> {
    for (;;) {
      const container = this.#spawn(this.disk.mountArguments);
      this.#container = container;
      const ended = once(container, "close").then(([status]: (number | null)[]) => status);
      const up = await Promise.race([this.#up(container), ended]);
      if (typeof up === "object" && up !== null) {
        this.boots.push(up);
        process.stderr.write(`rig: ${this.name} booted ${up.debian}, systemd ${up.systemd}, boot ${up.bootId}\n`);
        this.#wake();
      }
      const status = await ended;
      if (status === rebooted && this.#power === "on") continue;
      const wanted = status === 0 || this.#power === "off";
      this.#power = "off";
      if (!wanted) throw new Error(`${this.name}: the container ended with ${status}:\n${this.console}`);
      this.#wake();
      return;
    }
  }

  #spawn(layers: readonly string[]): ChildProcess {
    // A test run that is killed takes its machines with it.
    const args = ["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", bootProgram, this.name];
    const container = spawn("setpriv", [...args, ...layers], { stdio: ["ignore", "pipe", "pipe"] });
    container.stdout.setEncoding("utf8").on("data", (text: string) => (this.console += text));
    container.stderr.setEncoding("utf8").on("data", (text: string) => (this.console += text));
    return container;
  }

  async #up(container: ChildProcess): Promise<Boot> {
    let leader: number | undefined;
    while (leader === undefined) {
      await once(container.stdout ?? container, "data");
      leader = leaderOf(container);
    }
    // Asked again and again, because "--wait" of systemd 252 may miss what it waits for.
    const up = "until systemctl is-system-running | grep -Eq '^(running|degraded)$'; do sleep 0.1; done 2>/dev/null";
    const { status } = await this.#runIn(leader, ["sh", "-c", up]);
    if (status !== 0) throw new Error(`${this.name} ended while it booted.`);
    const facts = "cat /proc/sys/kernel/random/boot_id /etc/debian_version; systemctl --version";
    const { stdout } = await this.#runIn(leader, ["sh", "-c", facts]);
    const [bootId = "", debian = "", systemd = ""] = stdout.split("\n");
    return { bootId, debian: `Debian ${debian}`, systemd: systemd.replace("systemd ", ""), leader };
  }

  #enter(leader: number, command: readonly string[]): ChildProcess {
    const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", HOME: "/root", LC_ALL: "C.UTF-8" };
    return spawn("/usr/bin/nsenter", ["--target", String(leader), "--all", ...command], { env });
  }

  async #runIn(leader: number, command: readonly string[]): Promise<Ended> {
    const child = this.#enter(leader, command);
    child.stdin?.end();
    const [stdout, stderr, [status, signal]] = await Promise.all([
      textOf(child.stdout),
      textOf(child.stderr),
      once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    return { status: status ?? -1, stdout, stderr: signal === null ? stderr : `${stderr}${signal}\n` };
  }

  #wake(): void {
    for (const wake of this.#news.splice(0)) wake();
  }
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** The process of the host that is process 1 in the container. */
function leaderOf({ pid }: ChildProcess): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return children.map(Number).find((child) => /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${child}/status`, "utf8")));
  } catch {
    return undefined; // One of them has ended meanwhile.
  }
}
