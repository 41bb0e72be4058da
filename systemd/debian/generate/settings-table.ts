import type { Setting } from "../../../agent/config/setting-types.ts";
import { settings } from "../../../agent/config/settings.ts";

/* The table of settings in docs/configuration.md. */

const begin = "<!-- settings: written by scripts/generate-docs from agent/config/settings.ts -->\n";
const end = "<!-- end of settings -->\n";

/**
 * docs/configuration.md with the table of settings as it should be.
 * @throws Error where the markers around the table are missing
 */
export function withSettingsTable(markdown: string): string {
  const [from, to] = [markdown.indexOf(begin), markdown.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(`docs/configuration.md: the markers around the table are missing: ${begin}`);
  return `${markdown.slice(0, from + begin.length)}\n${settingsTable()}\n${markdown.slice(to)}`;
}

function settingsTable(): string {
  const rows = Object.values<Setting<unknown>>(settings).map(
    ({ name, type, initialToml, description, page }) =>
      `| \`${name}\` | ${escapePipes(type)} | ${initialToml === undefined ? "" : `\`${initialToml}\``} | ${description}${linkTo(page)} |\n`,
  );
  return `| setting | type | default | meaning |\n|---|---|---|---|\n${rows.join("")}`;
}

function linkTo(page: Setting<unknown>["page"]): string {
  if (page === undefined) return "";
  return ` See [${page.title}](${page.path.replace(/^configuration\.md(?=#)/, "")}).`;
}

function escapePipes(text: string): string {
  return text.replaceAll("|", "\\|");
}
