import { expect, it } from "vitest";
import { errorCodes } from "../../agent/contract/codes.ts";
import { configurations, reboots } from "../fixtures/ends/reboots.ts";
import { refusals } from "../fixtures/ends/refusals.ts";
import { updates } from "../fixtures/ends/updates.ts";
import { EndRun, type End } from "../support/ends.ts";

/* Runs every end of every operation. docs/ends.md is written from it: scripts/generate-docs. A test fails while it is stale. */

const sections: readonly (readonly [title: string, ends: readonly End[]])[] = [
  ["Updates", updates],
  ["Refused requests about updates, and declared updates", refusals],
  ["Reboots", reboots],
  ["Configuration over the hub", configurations],
];

/** Codes that end no operation, each with the reason. */
const withoutEnd: Readonly<Record<string, string>> = {
  "unknown-method": "no tool of this project calls a method that no board has",
};

interface PlayedEnd {
  readonly section: string;
  readonly name: string;
  readonly markdown: string;
}

async function playedEnd(section: string, { name, board, play }: End): Promise<PlayedEnd> {
  const run = new EndRun(board);
  await run.board.powerOn();
  await run.pass(1);
  await play(run);
  await run.pass(2);
  const rows = (await run.rows()).map(([where, says]) => `| ${where} | ${says} |\n`).join("");
  return { section, name, markdown: `### ${name}\n\n| where | says |\n|---|---|\n${rows}` };
}

/** Whether somebody is told this code at an end: as JSON, in the first words of a sentence, or in brackets after it. */
function hasCode({ markdown }: PlayedEnd, code: string): boolean {
  return [`"code":"${code}"`, `code: "${code}"`, `(${code})`, ` ${code}):`].some((form) => markdown.includes(form));
}

/** The anchor that a heading gets on the pages that show Markdown; a heading that comes again is numbered. */
function anchors(headings: readonly string[]): ReadonlyMap<number, string> {
  const counts = new Map<string, number>();
  return new Map(
    headings.map((heading, at) => {
      const slug = heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-");
      const count = counts.get(slug) ?? 0;
      counts.set(slug, count + 1);
      return [at, count === 0 ? slug : `${slug}-${count}`];
    }),
  );
}

const head = `# How operations end

What everybody sees at each end of each operation, when all is over: the saved state, the twin in its four formats, the commands on the board and the
CLI. Written by running them (\`scripts/generate-docs\`); a test fails while this page is stale. The board is one in memory, whose time passes at will.
[What each code means, and what to do](errors.md).

## By code

| code | ends |
|---|---|
`;

function index(ends: readonly PlayedEnd[]): string {
  const links = anchors(ends.map(({ name }) => name));
  const rows = Object.keys(errorCodes)
    .sort()
    .map((code) => {
      const found = ends.flatMap((end, at) => (hasCode(end, code) ? [`[${end.name}](#${links.get(at)})`] : []));
      return `| \`${code}\` | ${found.join("; ") || `none: ${withoutEnd[code]}`} |\n`;
    });
  return rows.join("");
}

it("every end is as docs/ends.md has it, and each error code has one, or a reason why not", async () => {
  const ends: PlayedEnd[] = [];
  for (const [section, those] of sections) for (const end of those) ends.push(await playedEnd(section, end));
  const missing = Object.keys(errorCodes).filter((code) => !ends.some((end) => hasCode(end, code)));
  expect(missing).toStrictEqual(Object.keys(withoutEnd));
  const parts = sections.map(([title]) => {
    const tables = ends.filter(({ section }) => section === title).map(({ markdown }) => markdown);
    return [`## ${title}\n`, ...tables].join("\n");
  });
  await expect([`${head}${index(ends)}`, ...parts].join("\n")).toMatchFileSnapshot("../../docs/ends.md");
});
