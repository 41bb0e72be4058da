import { describe, expect, it } from "vitest";
import { defaultBoardConfig, parseBoardConfig } from "../../../../agent/config/board-config.ts";

describe("board.conf", () => {
  it("says all that root obeys", () => {
    const text = `# The owner's word.
board.compatible = acme,gateway-2  acme,gateway acme,gateway

  update.allow-unsigned=no
update.refuse-stale = yes
release.units = app.service app@2.service
release.keep = 5
`;
    expect(parseBoardConfig(text)).toStrictEqual({
      ok: true,
      value: {
        compatible: ["acme,gateway-2", "acme,gateway"],
        allowUnsigned: false,
        refuseStale: true,
        releaseUnits: ["app.service", "app@2.service"],
        releaseKeep: 5,
      },
    });
  });

  it.each(["", "# nothing\n\n", "\n", " \t\n", "# L\u00FCfter\n"])("may say nothing: %j", (text) => {
    expect(parseBoardConfig(text)).toStrictEqual({ ok: true, value: defaultBoardConfig });
  });

  it.each([
    ["update.allow-unsigned = true", "line 1: update.allow-unsigned: expected yes or no"],
    ["update.allow-unsigned = Yes", "line 1: update.allow-unsigned: expected yes or no"],
    ["update.allow-unsigned = yes # really", "line 1: update.allow-unsigned: expected yes or no"],
    ["update.allow-unsigned", "line 1: expected key = value"],
    ["[update]", "line 1: expected key = value"],
    ["update.allow_unsigned = yes", "line 1: expected key = value"],
    ["constructor = yes", "line 1: constructor is not a known key; the keys are board.compatible"],
    ["update.alow-unsigned = yes", "line 1: update.alow-unsigned is not a known key"],
    ["update.refuse-stale = yes\nupdate.refuse-stale = no", "line 2: update.refuse-stale is there twice"],
    ["board.compatible =", "line 1: board.compatible: expected 1 to 32 names"],
    ["board.compatible = a/b", "line 1: board.compatible: expected 1 to 32 names"],
    ["board.compatible = root", "line 1: board.compatible: expected 1 to 32 names"],
    [`board.compatible = ${"a".repeat(65)}`, "line 1: board.compatible: expected 1 to 32 names"],
    [
      `board.compatible = ${Array.from({ length: 33 }, (_, index) => `b${index}`).join(" ")}`,
      "line 1: board.compatible: expected 1 to 32 names",
    ],
    ["release.units = app", "line 1: release.units: expected 1 to 16 names of units"],
    ["release.units = --now.service", "line 1: release.units: expected 1 to 16 names of units"],
    ["release.units = ../app.service", "line 1: release.units: expected 1 to 16 names of units"],
    ["release.units = data.mount", "line 1: release.units: expected 1 to 16 names of units"],
    ["release.keep = 1", "line 1: release.keep: expected a number from 2 to 99"],
    ["release.keep = 100", "line 1: release.keep: expected a number from 2 to 99"],
    ["release.units = boardkeeper-agent.service", "none of them the agent's own"],
    ["\uFEFFrelease.keep = 5", "line 1: only ASCII is understood, without a byte order mark"],
    ["release.keep = 5\r", "line 1: only ASCII is understood, without a byte order mark, and with Unix line ends"],
    ["\r\nrelease.keep = 5", "line 1: only ASCII"],
    ["release.keep =\u00A05", "line 1: only ASCII"],
    ["release.keep = 5\v", "line 1: only ASCII"],
    ["release.keep = 5\0", "line 1: only ASCII"],
  ])("is refused where a slip could pass for consent: %s", (text, problem) => {
    const parsed = parseBoardConfig(text);
    expect(parsed.ok ? [] : parsed.problems).toStrictEqual([expect.stringContaining(problem)]);
  });

  it("names every mistake at once", () => {
    const parsed = parseBoardConfig("a = 1\nrelease.keep = 0\nupdate.refuse-stale = maybe\n");
    expect(parsed.ok ? 0 : parsed.problems.length).toBe(3);
  });
});
