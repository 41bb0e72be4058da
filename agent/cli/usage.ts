import type { Setting } from "../config/setting-types.ts";
import { settings } from "../config/settings.ts";
import { commands, options, type Command, type CommandName, type Option, type OptionName } from "./arguments.ts";

/** The text of --help: of the program, or of one of its commands. */
export function usageText(about?: CommandName): string {
  return about === undefined ? usageOfAll() : usageOf(about, commands[about]);
}

function usageOfAll(): string {
  const rows = Object.entries<Command>(commands).map(
    ([name, command]) => [heading(name, command), command.summary] as const,
  );
  return `Usage: boardkeeper-agent COMMAND [options]

The agent reboots this board and updates its firmware when the hub asks for it,
and proves the result.

Commands:
${table(rows)}

Run boardkeeper-agent COMMAND --help for each command; --version prints the version.
`;
}

function usageOf(name: CommandName, command: Command): string {
  const rows = [...command.options, "help" as const].map((option) => [flags(option), options[option].summary] as const);
  return `Usage: boardkeeper-agent ${heading(name, command)} [options]

${sentence(command.summary)}
${command.details}

Options:
${table(rows)}
${name === "run" ? settingsHelp() : ""}`;
}

/** Every setting with its type and its default. */
function settingsHelp(): string {
  const rows = Object.values<Setting<unknown>>(settings).map(
    ({ name, type, initialToml }) =>
      [name, initialToml === undefined ? type : `${type}; default ${initialToml}`] as const,
  );
  return `
Settings, in /etc/boardkeeper/agent.toml (docs/configuration.md explains them):
${table(rows)}
`;
}

function heading(name: string, { operand }: Command): string {
  return operand === undefined ? name : `${name} ${operand}`;
}

function flags(name: OptionName): string {
  const { short, value }: Option = options[name];
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
