#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import { imagesAdvice, nobodyServesImages, quoted, requireHubContext } from "./commands/hub/folder.ts";
import { Interrupted, OperationFailed } from "./cli/errors.ts";
import { exitCodes } from "./cli/exit-codes.ts";
import { findLogin } from "./cli/find-login.ts";
import { defaultHubFolder } from "./cli/xdg.ts";
import { publishImage, type PublishedImage } from "./images/publish.ts";
import { run } from "./cli/run.ts";
import { screenOn } from "./cli/screen/screen.ts";
import { systemTimer } from "./cli/timer.ts";
import type { Environment, World } from "./cli/context.ts";

/* Wires the commands to this machine: the only file of the CLI that does. */

const { env, stdout, stderr } = process;
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Not before a command asks for it: one that does not look at it ends at Ctrl-C as programs do. */
let interruption: AbortSignal | undefined;

const world: World = {
  env,
  out: screenOn(stdout, env),
  err: screenOn(stderr, env),
  timer: systemTimer,
  now: () => new Date(),
  newOperationId: () => randomBytes(6).toString("hex"),
  get interrupted() {
    return (interruption ??= atCtrlC());
  },
  connect: async ({ env: around, interrupted }, options) => {
    const login = await findLogin(around, options);
    // Loaded when a hub is spoken to, not for --help.
    const { AzureHubClient } = await import("./hub-client/azure-hub-client.ts");
    return new AzureHubClient(login, {
      interrupted,
      userAgent: `boardkeeper/${packageJson.version}`,
    });
  },
  lookEveryMs: ({ isLocal }) => (isLocal ? 1_000 : 2_000),
  publishImage: publishOnLocalHub,
  atExit: (act) => {
    process.once("exit", act);
    return () => process.off("exit", act);
  },
  programs: {
    cli: { executable: process.execPath, arguments: [...process.execArgv, here("./boardkeeper.js")] },
    agent: { executable: process.execPath, arguments: [...process.execArgv, here("./boardkeeper-agent.mjs")] },
    // npm installs both programs by their names, side by side; a clone has files in dist/.
    agentTyped:
      basename(process.argv[1] ?? "") === "boardkeeper"
        ? "boardkeeper-agent"
        : `node ${quoted(here("./boardkeeper-agent.mjs"))}`,
  },
};

// Whoever reads our output may have seen enough (boardkeeper watch | head): that is no error.
stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code !== "EPIPE") throw cause;
  process.exit(exitCodes.ok);
});

const exitCode = await run(process.argv.slice(2), world);
// A command may have set one and ended well all the same.
if (exitCode !== exitCodes.ok) process.exitCode = exitCode;

async function publishOnLocalHub(around: Environment, path: string): Promise<PublishedImage> {
  const folder = defaultHubFolder(around);
  const { imagesUrl } = await requireHubContext(folder);
  const advice = await imagesAdvice(folder);
  if (advice !== undefined) throw new OperationFailed(`The image is not published: ${nobodyServesImages}`, { advice });
  return await publishImage(folder, imagesUrl, path);
}

/** The first Ctrl-C (or a hang-up, or a SIGTERM) asks the command to end well; the second ends it. */
function atCtrlC(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(exitCodes.interrupted);
      controller.abort(new Interrupted("Interrupted."));
    });
  }
  return controller.signal;
}
