import { expect } from "vitest";

/** Values that differ from response to response. A fixture has them as `‹name›`. */
const placeholders: Record<string, string> = {
  etag: "[A-Za-z0-9+/]+={0,2}",
  key: "[A-Za-z0-9+/]{43}=",
  digits: String.raw`\d+`,
  time: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
  tracking: String.raw`[0-9a-f]{32}-G:0-TimeStamp:\d\d/\d\d/\d{4} \d\d:\d\d:\d\d`,
  rid: "[0-9a-f]+",
};

/** Matches exactly the fixture's text, with any valid value for its placeholders. */
export function templatePattern(template: string): RegExp {
  return new RegExp(`^${patternOf(template)}$`);
}

/** The fixture's JSON with matchers instead of placeholders, for what an SDK has parsed. */
export function templateMatcher(template: string): object {
  const like: object = JSON.parse(template, (_key, value: unknown) =>
    typeof value === "string" && value.includes("‹") ? expect.stringMatching(templatePattern(value)) : value,
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
