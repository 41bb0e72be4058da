/*
 * The package's example of an agent.toml, made from the table in docs/configuration.md. Not /etc/boardkeeper/agent.toml itself:
 * dpkg asks whoever has edited that whenever the package brings other words, so what is brought never changes.
 */

interface Row {
  readonly section: string;
  readonly key: string;
  /** As TOML; undefined where there is none. */
  readonly initial: string | undefined;
  readonly meaning: string;
}

const heading = `# Every setting of Boardkeeper's agent: lines that begin with "#" and a name show what applies unless it is set;
# docs/configuration.md says more about all of it. Set what you need in /etc/boardkeeper/agent.toml, or in files of
# your own, /etc/boardkeeper/agent.toml.d/*.toml, which overrule it.
# After a change: systemctl restart boardkeeper-agent
#
# The connection string is a secret and does not belong there: sudo boardkeeper-agent provision asks for it.
`;

/**
 * The file with every setting of a real board, each commented out with its default.
 * @param guide the text of docs/configuration.md
 */
export function exampleToml(guide: string): string {
  const rows = rowsIn(guide).filter(({ section }) => section !== "simulation");
  const sections = [...new Set(rows.map(({ section }) => section))].map((section) => {
    const lines = rows.filter((row) => row.section === section).map(linesOf);
    return `\n[${section}]\n${lines.join("\n")}`;
  });
  return `${heading}${sections.join("")}`;
}

function linesOf({ key, initial, meaning }: Row): string {
  const comment = wrapped(meaning, 100).map((line) => `## ${line}\n`);
  return `${comment.join("")}#${key} = ${initial ?? '""'}\n`;
}

/** The rows of the settings' table. */
export function rowsIn(guide: string): Row[] {
  const rows = guide.matchAll(/^\| `([a-z-]+)\.([a-z.-]+)` \| (?:`(.*?)` )?\| (.*) \|$/gm);
  return [...rows].map(([, section = "", key = "", initial, meaning = ""]) => ({
    section,
    key,
    initial: initial === undefined || initial.startsWith("<") ? undefined : asToml(initial),
    meaning: plain(meaning),
  }));
}

/** The table writes texts without quotation marks. */
function asToml(initial: string): string {
  return /^(true|false|\d+|\[.*\])$/.test(initial) ? initial : `"${initial}"`;
}

/** Markdown as a person without a browser reads it. */
function plain(markdown: string): string {
  return markdown.replaceAll(/\[([^\]]+)\]\(([a-z-]+\.md)[^)]*\)/g, "docs/$2").replaceAll("`", "");
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
