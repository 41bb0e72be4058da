#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import { imageServerAdvice, requireHubInfo, shellQuote } from "./commands/hub/folder.ts";
import { OperationFailed } from "./cli/errors.ts";
import { interruptSignal } from "./cli/signals.ts";
import { exitCodes } from "./cli/exit-codes.ts";
import { findLogin } from "./hub-client/login.ts";
import { defaultHubFolder } from "./hub-client/hub-info.ts";
import { publishImage, type PublishedImage } from "./images/publish.ts";
import { terminalPrompt } from "./cli/prompt.ts";
import { defaultCost } from "./repo/key-file.ts";
import { runCommandLine } from "./run.ts";
import { screenFor } from "./cli/screen.ts";
import { systemTimer } from "./cli/timer.ts";
import type { Environment, Context } from "./context.ts";

/* The entry point of `boardkeeper`: wires the commands to this machine. */

const { env, stdout, stderr } = process;
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Created on first use: a command that does not use it ends at Ctrl-C as any program. */
let interruption: AbortSignal | undefined;

const context: Context = {
  env,
  out: screenFor(stdout, env),
  err: screenFor(stderr, env),
  prompt: terminalPrompt(process.stdin, stderr),
  passphraseCost: defaultCost,
  timer: systemTimer,
  now: () => new Date(),
  newOperationId: () => randomBytes(6).toString("hex"),
  get interrupted() {
    return (interruption ??= interruptSignal());
  },
  connect: async (caller, options) => {
    const login = await findLogin(caller.env, options);
    // Loaded only here, because the SDK slows down the start of every other command.
    const { AzureHubClient } = await import("./hub-client/azure-hub-client.ts");
    return new AzureHubClient(login, {
      interrupted: caller.interrupted,
      userAgent: `boardkeeper/${packageJson.version}`,
    });
  },
  pollIntervalMs: ({ isLocal }) => (isLocal ? 1_000 : 2_000),
  publishImage: publishOnLocalHub,
  atExit: (act) => {
    process.once("exit", act);
    return () => process.off("exit", act);
  },
  programs: {
    cli: { executable: process.execPath, arguments: [...process.execArgv, here("./boardkeeper.js")] },
    agent: { executable: process.execPath, arguments: [...process.execArgv, here("./boardkeeper-agent.mjs")] },
    // npm installs both programs under their names; a clone has them as files in dist/.
    agentCommand:
      basename(process.argv[1] ?? "") === "boardkeeper"
        ? "boardkeeper-agent"
        : `node ${shellQuote(here("./boardkeeper-agent.mjs"))}`,
  },
};

// A closed pipe is no error: boardkeeper watch | head
stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code !== "EPIPE") throw cause;
  process.exit(exitCodes.ok);
});

const exitCode = await runCommandLine(process.argv.slice(2), context);
// `hub status` sets process.exitCode itself and ends without an error.
if (exitCode !== exitCodes.ok) process.exitCode = exitCode;

async function publishOnLocalHub(callerEnv: Environment, path: string): Promise<PublishedImage> {
  const folder = defaultHubFolder(callerEnv);
  const { imagesUrl } = await requireHubInfo(folder);
  const advice = await imageServerAdvice(folder);
  if (advice === undefined) return await publishImage(folder, imagesUrl, path);
  throw new OperationFailed("The image is not published: the image server is not running.", { advice });
}
