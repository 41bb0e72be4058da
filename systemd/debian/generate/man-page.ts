import { commands, options, type Command, type Option, type OptionName } from "../../../agent/cli/arguments.ts";

/* The man page boardkeeper-agent(8), generated from the table of commands. */

const files: readonly (readonly [string, string])[] = [
  [
    "/etc/boardkeeper/agent.toml, /etc/boardkeeper/agent.toml.d/*.toml",
    "The configuration. A package upgrade never changes it.",
  ],
  ["/usr/share/doc/boardkeeper-agent/examples/agent.toml", "Every setting, with its default and its meaning."],
  [
    "/etc/boardkeeper/credentials/connection-string",
    "The connection string, readable by root alone; systemd passes a copy to the service. Without it the service waits, or runs with the last known good configuration.",
  ],
  [
    "/etc/boardkeeper/installer",
    "The path of the one program that root may run as the installer, with update.command.as-root; writable by root alone. Without this file root runs none.",
  ],
  [
    "/etc/boardkeeper/board.conf",
    "What root obeys about trust: the board's names, whether unsigned images are allowed. Writable by root alone.",
  ],
  [
    "/etc/boardkeeper/root.json, /var/lib/boardkeeper-trust",
    "Whose images the board installs: the root that was trusted first, and the trust store, which must outlive a firmware update too.",
  ],
  ["/var/lib/boardkeeper", "The state. It must outlive a firmware update, and nothing else has to."],
  ["/run/boardkeeper-agent/control.sock", "The local API of the running agent, for root and the group boardkeeper."],
];

const statuses: readonly (readonly [string, string])[] = [
  ["0", "Done."],
  ["1", "Failed; the message says why, and what to do."],
  ["64", "Invalid command line."],
  ["78", "run only: the configuration cannot be used."],
];

/**
 * The page in man(7) format.
 * @param date as in 2026-11-21
 */
export function manPage(version: string, date: string): string {
  const synopsis = Object.entries<Command>(commands).map(([name, command]) => {
    const operand = command.operand === undefined ? "" : ` \\fI${roff(command.operand)}\\fR`;
    return `.B boardkeeper\\-agent ${roff(name)}\\fR${operand} [\\fIoptions\\fR]\n.br\n`;
  });
  const sections = Object.entries<Command>(commands).map(
    ([name, command]) =>
      `.SS ${roff(name)}\n${sentence(command.summary)}\n${prose(command.details)}${optionsOf(command.options)}`,
  );
  return `.TH BOARDKEEPER\\-AGENT 8 ${date} "Boardkeeper ${roff(version)}" "Boardkeeper"
.SH NAME
boardkeeper\\-agent \\- reboots and firmware updates through Azure IoT Hub, proven
.SH SYNOPSIS
${synopsis.join("")}.SH DESCRIPTION
The agent reboots this board and updates its firmware when the hub asks for it, and proves the result. The service
.B boardkeeper\\-agent.service
starts it; the other commands are for a person at the board or logged in to it.
.SH COMMANDS
${sections.join("")}.SH FILES
${definitions(files)}.SH EXIT STATUS
${definitions(statuses)}.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1)
`;
}

function optionsOf(names: readonly OptionName[]): string {
  const list = [...names, "help" as const].map((name) => {
    const { short, value, summary: says }: Option = options[name];
    const flags = `${short === undefined ? "" : `\\fB\\-${short}\\fR, `}\\fB\\-\\-${roff(name)}\\fR`;
    return `.TP\n${flags}${value === undefined ? "" : ` \\fI${roff(value)}\\fR`}\n${sentence(says)}\n`;
  });
  return list.join("");
}

function definitions(list: readonly (readonly [string, string])[]): string {
  return list.map(([term, says]) => `.TP\n.I ${roff(term)}\n${roff(says)}\n`).join("");
}

/** Indented lines are commands to type: shown as they are. */
function prose(text: string): string {
  return text.replaceAll(/(?:^ {2}.*(?:\n|$))+|(?:^(?! {2}).*(?:\n|$))+/gm, (block) =>
    block.startsWith("  ")
      ? `.PP\n.nf\n.RS 4\n${roff(block.trimEnd())}\n.RE\n.fi\n.PP\n`
      : `${roff(block.trimEnd())}\n`,
  );
}

function sentence(text: string): string {
  return roff(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
}

/** Escapes a text for roff; hyphens stay ASCII, so that options can be copied. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");
}
