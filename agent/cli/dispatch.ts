import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError, type Arguments, type CommandName } from "./arguments.ts";
import { CommandFailed, inspectTargetConfig, type Terminal } from "./command-context.ts";
import { AccessDenied, AgentUnreachable } from "../board/local-api/client.ts";
import { AgentError } from "../lib/errors.ts";
import { escapeForTerminal } from "../contract/safe-text.ts";
import { credentialFile, configFolder } from "../config/paths.ts";
import { usageText } from "./usage.ts";
import { doctor } from "./commands/doctor.ts";
import { showHistory } from "./commands/history.ts";
import { install } from "./commands/install.ts";
import { showLogs } from "./commands/logs.ts";
import { readPiped } from "./read-piped.ts";
import { provision } from "./commands/provision.ts";
import { trust } from "./commands/trust.ts";
import { trustAccess } from "./trust-access.ts";
import { showStatus } from "./commands/status.ts";
import { reloadCredential } from "./commands/reload-credential.ts";
import { reloadPorts, startService } from "./commands/service.ts";
import { sourceInstead } from "./service-credential.ts";

// The reader of a pipe may close it early (logs | head): that is no error.
process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code !== "EPIPE") throw cause;
  process.exit(0);
});

/** EX_USAGE of sysexits.h. */
const exits = { failed: 1, usage: 64 } as const;

/** Root reads this terminal, and the agent, which is not root, is the source of the text: control characters are escaped. */
const terminal: Terminal = {
  env: process.env,
  out: (text) => void process.stdout.write(escapeForTerminal(text)),
  note: (text) => void process.stderr.write(escapeForTerminal(text)),
  readInput: async () => await readPiped(process.stdin),
  ask: async (question) => (process.stdin.isTTY ? await askWithEcho(question) : undefined),
  readSecret: async (prompt) => (process.stdin.isTTY ? await askWithoutEcho(prompt) : await readPiped(process.stdin)),
};

/** Runs a command on this board. @returns the exit status */
export async function dispatch(command: Exclude<CommandName, "run">, args: Arguments): Promise<number> {
  try {
    switch (command) {
      case "status":
        return await showStatus(args, terminal);
      case "doctor":
        return await doctor(args, terminal);
      case "install":
        return await install(args, terminal);
      case "history":
        return await showHistory(args, terminal);
      case "logs":
        return await showLogs(args, terminal);
      case "provision":
        process.umask(0o022); // The agent's user must be able to read the configuration; secret files have modes of their own.
        return await provision(args, terminal, {
          configFolder,
          credentialFile,
          startService,
          sourceInstead,
          trust: trustAccess(),
        });
      case "trust":
        process.umask(0o022); // Everybody may read what a board trusts.
        return await trust(args, terminal);
      case "reload-credential": {
        const { stateDir, settings } = await inspectTargetConfig(args, terminal);
        return await reloadCredential(terminal, reloadPorts(stateDir, settings.connectionStringFile));
      }
    }
  } catch (cause) {
    if (cause instanceof UsageError) {
      terminal.note(`boardkeeper-agent: ${cause.message}\n\n${usageText(cause.about)}`);
      return exits.usage;
    }
    const isExplained =
      cause instanceof CommandFailed ||
      cause instanceof AgentError ||
      cause instanceof AccessDenied ||
      cause instanceof AgentUnreachable;
    if (!isExplained) throw cause;
    const code = cause instanceof AgentError ? ` (${cause.code})` : "";
    terminal.note(`boardkeeper-agent: ${cause.message}${code}\n`);
    return exits.failed;
  }
}

async function askWithEcho(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("SIGINT", () => reject(new CommandFailed("Interrupted: nothing was changed.")));
      lines.once("close", () => resolve(""));
      lines.question(question, resolve);
    });
  } finally {
    lines.close();
  }
}

/** Asks for one line and does not show it, so that no connection string stays on the screen. */
async function askWithoutEcho(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const noEcho = new Writable({ write: (_text, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: noEcho, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("SIGINT", () => reject(new CommandFailed("Interrupted: nothing was changed.")));
      lines.once("close", () => resolve(""));
    });
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
