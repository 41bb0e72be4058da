import { expect } from "vitest";

/** What differs from answer to answer, written into a fixture as `‹name›`. */
const placeholders: Record<string, string> = {
  etag: "[A-Za-z0-9+/]+={0,2}",
  key: "[A-Za-z0-9+/]{43}=",
  digits: String.raw`\d+`,
  time: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
  tracking: String.raw`[0-9a-f]{32}-G:0-TimeStamp:\d\d/\d\d/\d{4} \d\d:\d\d:\d\d`,
  rid: "[0-9a-f]+",
};

/** What matches a text that is the fixture's, character for character but for its placeholders. */
export function exactly(template: string): RegExp {
  return new RegExp(`^${patternOf(template)}$`);
}

/** The fixture's JSON, with matchers in place of its placeholders: for what an SDK has parsed already. */
export function jsonLike(template: string): object {
  const like: object = JSON.parse(template, (_key, value: unknown) =>
    typeof value === "string" && value.includes("‹") ? expect.stringMatching(exactly(value)) : value,
  );
  return like;
}

function patternOf(template: string): string {
  return template
    .split(/‹(\w+)›/)
    .map((part, index) => (index % 2 === 0 ? escape(part) : (placeholders[part] ?? "")))
    .join("");
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
