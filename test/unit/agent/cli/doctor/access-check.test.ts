import { expect, it } from "vitest";
import { parseAnswers } from "../../../../../agent/cli/doctor/access-check.ts";

const asked = { user: "boardkeeper", folders: ["/var/lib/boardkeeper"], programs: ["install"], searchPath: "" };

it("takes from a process with other rights what it has seen, and not where", () => {
  const said = { folders: [{ path: "/etc", user: "root", code: "EACCES", exists: true }], programs: [null] };
  expect(parseAnswers(said, asked)).toEqual({
    folders: [{ path: "/var/lib/boardkeeper", user: "boardkeeper", code: "EACCES", exists: true }],
    programs: [null],
  });
});

it.each([
  ["fewer folders than it was asked about", { folders: [], programs: [null] }, "the answers do not fit the questions"],
  ["more programs", { folders: [{ code: null, exists: true }], programs: [null, null] }, "the answers do not fit"],
  ["something else", { folders: "all", programs: [] }, "folders: "],
])("takes no answer with %s", (_what, said, why) => {
  expect(() => parseAnswers(said, asked)).toThrow(why);
});
