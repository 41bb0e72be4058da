import type { Setting } from "../../../agent/config/setting-types.ts";
import { settings } from "../../../agent/config/settings.ts";

/*
 * The package's example of an agent.toml. It is not /etc/boardkeeper/agent.toml itself: dpkg asks everybody who has edited that
 * file whenever a package brings another content, so the packaged one never changes.
 */

const heading = `# Every setting of Boardkeeper's agent: a line that begins with "#" and a name shows the default.
# docs/configuration.md says more about all of them. Set what you need in /etc/boardkeeper/agent.toml, or in files of
# your own, /etc/boardkeeper/agent.toml.d/*.toml, which override it.
# After a change: systemctl restart boardkeeper-agent
#
# The connection string is a secret and does not belong there: sudo boardkeeper-agent provision asks for it.
`;

/** A TOML file with every setting of a real board, each commented out with its default. */
export function exampleToml(): string {
  const sections = new Map<string, string[]>();
  for (const setting of Object.values<Setting<unknown>>(settings)) {
    const [section = "", ...key] = setting.name.split(".");
    if (section === "simulation") continue;
    sections.set(section, [...(sections.get(section) ?? []), entry(key.join("."), setting)]);
  }
  return `${heading}${[...sections].map(([name, entries]) => `\n[${name}]\n${entries.join("\n")}`).join("")}`;
}

function entry(key: string, { type, initialToml, description, page }: Setting<unknown>): string {
  const more = page === undefined ? "" : ` See docs/${page.path}.`;
  const comment = [...wrap(`${description}${more}`.replaceAll("`", ""), 100), `Type: ${type}.`];
  return `${comment.map((line) => `## ${line}\n`).join("")}#${key} = ${initialToml ?? '""'}\n`;
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
