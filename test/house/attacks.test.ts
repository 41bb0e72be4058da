import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { archiveTricks, imageAttacks, type ImageAttack } from "../fixtures/attacks/images.ts";
import { metadataAttacks } from "../fixtures/attacks/metadata.ts";

const page = readFileSync("docs/security.md", "utf8");

/** The rows below a table's head. */
function rowsBelow(head: string): string[] {
  const [, after = ""] = page.split(`${head}\n`);
  const lines = after.split("\n").slice(1); // Without the line of dashes.
  return lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith("|")),
  );
}

const code = (value: string | undefined): string => (value === undefined ? "" : `\`${value}\``);
const row = (...cells: readonly string[]): string =>
  `| ${cells.join(" | ")} |`.replaceAll("|  |", "| |").replaceAll("|  |", "| |");

it("docs/security.md has every attack with images and requests, with its codes", () => {
  const rows = imageAttacks.map(({ attack, hub, server, daemon, outcome }: ImageAttack) =>
    row(attack, code(hub), code(server), code(daemon), outcome),
  );
  expect(rowsBelow("| attack | hub | server | daemon | what happens |")).toStrictEqual(rows);
});

it("docs/security.md has every attack on metadata, with its code", () => {
  const rows = metadataAttacks.map(({ attack, code: said, outcome }) =>
    row(attack, said === "ok" ? "followed" : code(said), outcome),
  );
  expect(rowsBelow("| attack, as server and as daemon | code | what happens |")).toStrictEqual(rows);
});

it("docs/security.md has every trick of archives, with its code", () => {
  const rows = archiveTricks.map((trick) => row(trick.attack, code(trick.code)));
  expect(rowsBelow("| an archive with | code |")).toStrictEqual(rows);
});

it("docs/security.md names tests that there are", () => {
  const named = [...page.matchAll(/`(test\/[\w/-]+\.test\.ts)`(?: \("([^)]*)"\))?/g)];
  expect(named.length).toBeGreaterThan(10);
  for (const [, path = "", titles] of named) {
    expect([path, existsSync(path)]).toStrictEqual([path, true]);
    for (const title of titles?.split('", "') ?? [])
      expect([title, metadataAttacks.some(({ attack }) => attack.startsWith(title))]).toStrictEqual([title, true]);
  }
});
