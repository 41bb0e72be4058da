import { installViaHelper } from "../../agent/board/systemd/install-helper.ts";
import { Connection } from "../../agent/helper-protocol/connection.ts";
import { ImageCopies } from "../../agent/install-helper/image-copies.ts";
import type { HelperInstaller } from "../../agent/install-helper/installers/installer.ts";
import type { HelperPorts } from "../../agent/install-helper/ports.ts";
import { serve } from "../../agent/install-helper/serve.ts";
import { WriteLedger } from "../../agent/install-helper/write-ledger.ts";
import type { Timer } from "../../agent/lib/clock.ts";
import type { Installer } from "../../agent/update/ports.ts";
import * as boardState from "./board-state.ts";
import { makeCopyDisk, makeHelperFiles, type HelperStep } from "./helper-disk.ts";
import * as helperInvariants from "./helper-invariants.ts";
import { HelperLink } from "./helper-link.ts";
import type { Environment } from "./environment.ts";
import { helperFolder, newestMetadata } from "./helper-state.ts";
import { makeTrustGate } from "./helper-trust.ts";
import type { Scheduler } from "./scheduler.ts";

/* Root's install helper beside the agent: the real adapter of the agent, the real session and its steps, the real copies and ledger. */

/** Answers after which a helper waits for the next request: what it remembers is only that it has begun. */
const lastWords = ["helper says hello", "helper says trust", "helper says done", "helper says error"];

/** The helpers of one run of the agent: one process for each connection, one at a time, as the lock has it. */
export class HelperDouble {
  readonly #scheduler: Scheduler;
  readonly #onSwitched: () => void;
  readonly #links: HelperLink[] = [];
  #waiting: HelperLink[] = [];
  #running: HelperProcess | undefined;
  /** Words and effects since the running helper has last answered. */
  #sinceAnswer: string[] = [];

  /** @param onSwitched called when another system may be running than before */
  constructor(scheduler: Scheduler, onSwitched: () => void) {
    this.#scheduler = scheduler;
    this.#onSwitched = onSwitched;
  }

  /** Whether images are installed by root's helper here. */
  get isUsed(): boolean {
    return this.#scheduler.scenario.viaHelper === true;
  }

  /** The installer of the agent. */
  get installer(): Installer {
    const { timer, scenario } = this.#scheduler;
    return installViaHelper({
      socket: "in memory",
      connect: async () => this.#connect(),
      timer,
      agentVersion: "1",
      installer: "command",
      bootClock: { nowMs: () => Math.round(timer.nowMs) },
      readMetadata: async () => [{ name: "timestamp.json", bytes: Buffer.from(String(newestMetadata)) }],
      limitMs: 60_000,
      restart: scenario.restart,
      requireStateOutside: async () => undefined,
    });
  }

  /** A helper runs, or will. */
  get isAlive(): boolean {
    return this.#running !== undefined;
  }

  /** The agent could say something to a helper. */
  get isConnected(): boolean {
    return this.#links.some((link) => link.isOpen);
  }

  /** What the helpers may remember, and the agent of them. */
  get memoryKey(): string {
    const open = this.#links.map((link) => (link.isOpen ? "open" : "")).join("");
    return [open, this.isAlive, this.#waiting.length, ...this.#sinceAnswer].join("|");
  }

  /** A step has happened. */
  observe(label: string): void {
    if (lastWords.some((word) => label.startsWith(word))) this.#sinceAnswer = [];
    else if (label.startsWith("helper") || label.startsWith("agent says")) this.#sinceAnswer.push(label);
  }

  /** The helper's process ends: what it was about to do does not happen. */
  kill(): void {
    const { pendingCalls } = this.#scheduler;
    pendingCalls.removeAll(pendingCalls.labels.filter((label) => label.startsWith("helper")));
    this.#running?.die();
    this.#next();
  }

  /** Every connection ends, and both sides go on. */
  cutConnections(): void {
    for (const link of this.#links) link.cut();
  }

  /** The agent's process has ended: the helpers see the end of what it said. */
  agentDied(): void {
    for (const link of this.#links) link.silence("agent");
  }

  /** Ends what is left of a run. */
  abandon(): void {
    for (const { agentEnd, helperEnd } of this.#links) {
      agentEnd.destroy();
      helperEnd.destroy();
    }
  }

  #connect(): Connection {
    const link = new HelperLink(this.#scheduler);
    this.#links.push(link);
    this.#waiting.push(link);
    if (this.#running === undefined) this.#next();
    return new Connection(link.agentEnd);
  }

  #next(): void {
    const link = this.#waiting.shift();
    this.#sinceAnswer = [];
    this.#running = link && new HelperProcess(this.#scheduler, link, this.#onSwitched, () => this.#next());
  }
}

/** One process: from a connection to its end, or until it is killed. */
class HelperProcess {
  readonly #scheduler: Scheduler;
  readonly #link: HelperLink;
  readonly #waits = new Set<AbortController>();
  #isDead = false;

  constructor(scheduler: Scheduler, link: HelperLink, onSwitched: () => void, onEnd: () => void) {
    this.#scheduler = scheduler;
    this.#link = link;
    void serve(new Connection(link.helperEnd), this.#ports(onSwitched)).then(() => this.#isDead || onEnd());
  }

  die(): void {
    this.#isDead = true;
    this.#link.silence("helper");
    for (const wait of this.#waits) wait.abort();
  }

  readonly #step: HelperStep = async (label, effect, signal) => {
    if (this.#isDead) return await new Promise(() => undefined);
    return await this.#scheduler.schedule(`helper: ${label}`, false, effect, signal);
  };

  #ports(onSwitched: () => void): HelperPorts {
    const scheduler = this.#scheduler;
    const files = makeHelperFiles(scheduler, this.#step);
    // Of a boot id only hexadecimal digits are a name's.
    const bootId = `b${scheduler.environment.board.boots}`;
    const installer = makeHelperInstaller(scheduler, this.#step, onSwitched);
    const ports: HelperPorts = {
      timer: this.#timer(),
      log: () => undefined,
      copies: new ImageCopies(helperFolder, bootId, makeCopyDisk(scheduler, this.#step)),
      ledger: new WriteLedger(helperFolder, files),
      trust: makeTrustGate(files),
      findInstaller: async () => installer,
    };
    return scheduler.runOptions.makeHelper?.(ports, scheduler) ?? ports;
  }

  /** Time as the helper sees it; a dead one waits for nothing. */
  #timer(): Timer {
    return {
      after: (delayMs, signal) => {
        const wait = new AbortController();
        const stop = (): void => wait.abort(signal?.reason);
        if (signal?.aborted === true) stop();
        signal?.addEventListener("abort", stop, { once: true });
        this.#waits.add(wait);
        return new Promise((resolve, reject) => {
          const settle = (act: () => void): void => {
            signal?.removeEventListener("abort", stop);
            this.#waits.delete(wait);
            if (!this.#isDead) act();
          };
          this.#scheduler.timer.after(delayMs, wait.signal).then(
            () => settle(resolve),
            (why: unknown) => settle(() => reject(why)),
          );
        });
      },
    };
  }
}

/** The installer inside the helper, on the simulated board: it stops when the agent has gone, before its next effect. */
function makeHelperInstaller(scheduler: Scheduler, step: HelperStep, onSwitched: () => void): HelperInstaller {
  const act = async (
    name: "install" | "arm" | "commit" | "revert",
    how: (board: boardState.BoardState) => boardState.BoardState,
    signal: AbortSignal,
    observe: (environment: Environment) => Environment = (environment) => environment,
  ): Promise<void> => {
    const effect = (): void => {
      scheduler.observeAction(name);
      scheduler.environment = scheduler.checked(() => observe(scheduler.environment));
      scheduler.changeBoard(how);
      onSwitched();
    };
    await step(name, effect, signal);
  };
  return {
    name: "command",
    restart: null,
    prepare: async () => undefined,
    install: async ({ path, sha256, version }, signal) => {
      await act("install", boardState.beginInstall, signal, (environment) =>
        helperInvariants.observeInstall(environment, path, sha256),
      );
      const end = (): void => {
        scheduler.environment = helperInvariants.observeInstalled(scheduler.environment, version);
        scheduler.changeBoard((board) => boardState.endInstall(board, version));
      };
      await step("install to the end", end, signal);
    },
    arm: ({ version }, signal) =>
      act(
        "arm",
        (board) => boardState.arm(board, version),
        signal,
        (environment) => helperInvariants.observeArm(environment, version),
      ),
    runningVersion: async () => boardState.runningVersionOf(scheduler.environment.board),
    healthy: async () => undefined,
    commit: ({ version }, signal) =>
      act("commit", boardState.commit, signal, (environment) => helperInvariants.observeCommit(environment, version)),
    revert: ({ version }, signal) => act("revert", (board) => boardState.revert(board, version), signal),
  };
}
