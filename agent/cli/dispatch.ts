import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { text as readAll } from "node:stream/consumers";
import { UsageError, type Arguments, type CommandName } from "./arguments.ts";
import { AccessDenied } from "../board/local-api/client.ts";
import { escapeForTerminal } from "../contract/safe-text.ts";
import { credentialFile, configFolder } from "../config/paths.ts";
import { usageText } from "./usage.ts";
import { doctor } from "./commands/doctor.ts";
import { showHistory } from "./commands/history.ts";
import { install } from "./commands/install.ts";
import { showLogs } from "./commands/logs.ts";
import { provision } from "./commands/provision.ts";
import { showStatus } from "./commands/status.ts";
import { startService } from "./commands/service.ts";
import { CommandFailed, type Terminal } from "./commands/terminal.ts";

// Whoever reads our output may have seen enough (logs | head): that is no error.
process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
  if (cause.code !== "EPIPE") throw cause;
  process.exit(0);
});

/** EX_USAGE of sysexits.h. */
const exits = { failed: 1, usage: 64 } as const;

/** Root types here, and what is told comes from the agent, which is not root. */
const terminal: Terminal = {
  env: process.env,
  out: (text) => void process.stdout.write(escapeForTerminal(text)),
  note: (text) => void process.stderr.write(escapeForTerminal(text)),
  readSecret: async (prompt) => (process.stdin.isTTY ? await askUnseen(prompt) : await readAll(process.stdin)),
};

/** Carries out a command on this board. @returns the status to exit with */
export async function dispatch(command: Exclude<CommandName, "run">, given: Arguments): Promise<number> {
  try {
    switch (command) {
      case "status":
        return await showStatus(given, terminal);
      case "doctor":
        return await doctor(given, terminal);
      case "install":
        return await install(given, terminal);
      case "history":
        return await showHistory(given, terminal);
      case "logs":
        return await showLogs(given, terminal);
      case "provision":
        process.umask(0o022); // The agent's user reads the configuration; what it may not read says so itself.
        return await provision(given, terminal, { configFolder, credentialFile, startService });
    }
  } catch (cause) {
    if (cause instanceof UsageError) {
      terminal.note(`boardkeeper-agent: ${cause.message}\n\n${usageText(cause.about)}`);
      return exits.usage;
    }
    if (!(cause instanceof CommandFailed || cause instanceof AccessDenied)) throw cause;
    terminal.note(`boardkeeper-agent: ${cause.message}\n`);
    return exits.failed;
  }
}

/** One line of a person's, without an echo: a connection string on a screen is one in somebody's photograph. */
async function askUnseen(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const unseen = new Writable({ write: (_text, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: unseen, terminal: true });
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
