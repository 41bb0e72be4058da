import { onTestFinished } from "vitest";
import { findLogin } from "../../service-tools/hub-client/login.ts";
import { AzureHubClient } from "../../service-tools/hub-client/azure-hub-client.ts";
import { defaultCost } from "../../service-tools/repo/key-file.ts";
import { publishImage } from "../../service-tools/images/publish.ts";
import { Interrupted } from "../../service-tools/cli/errors.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";
import { runCommandLine } from "../../service-tools/run.ts";
import { systemTimer, type Timer } from "../../service-tools/cli/timer.ts";
import type { Context } from "../../service-tools/context.ts";
import { FakePrompt, FakeScreen } from "./fake-context.ts";

/** A command line that runs in this process, against a real hub over real sockets. */
export interface RunningCli {
  readonly out: FakeScreen;
  readonly err: FakeScreen;
  readonly exitCode: Promise<number>;
  ctrlC(): void;
}

/**
 * Starts a command line. It polls every 20 ms, so that tests are fast.
 * @param timer where its own time is to pass faster
 */
export function startCli(
  hub: LocalHub,
  line: string,
  env: Readonly<Record<string, string>> = {},
  timer: Timer = systemTimer,
): RunningCli {
  const [out, err] = [new FakeScreen(), new FakeScreen()];
  const ctrlC = new AbortController();
  const program = { executable: process.execPath, arguments: [] };
  const context: Context = {
    env: { BOARDKEEPER_HOME: homeOf(hub), ...env },
    out,
    err,
    prompt: new FakePrompt(),
    passphraseCost: defaultCost,
    timer,
    now: () => new Date(),
    newOperationId: () => "typed",
    interrupted: ctrlC.signal,
    connect: async ({ env: around, interrupted }, options) => {
      const client = new AzureHubClient(await findLogin(around, options), { interrupted, userAgent: "test" });
      onTestFinished(() => client.close());
      return client;
    },
    pollIntervalMs: () => 20,
    publishImage: (_around, path) => publishImage(hub.folder, hub.imagesUrl, path),
    programs: { cli: program, agent: program, agentCommand: "boardkeeper-agent" },
    atExit: () => () => undefined,
  };
  return {
    out,
    err,
    exitCode: runCommandLine(line.split(" "), context),
    ctrlC: () => ctrlC.abort(new Interrupted("Interrupted.")),
  };
}

/** Runs a command line to its end. */
export async function runCli(
  hub: LocalHub,
  line: string,
  env?: Readonly<Record<string, string>>,
): Promise<{ exitCode: number; out: string; err: string }> {
  const running = startCli(hub, line, env);
  const exitCode = await running.exitCode;
  return { exitCode, out: running.out.text, err: running.err.text };
}

/** The hub's folder is `hub` in a BOARDKEEPER_HOME. */
function homeOf(hub: LocalHub): string {
  return hub.folder.replace(/\/hub$/, "");
}
