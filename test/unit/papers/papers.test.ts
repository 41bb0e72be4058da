import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { commands, options } from "../../../agent/cli/arguments.ts";
import { settings, type Setting } from "../../../agent/config/settings.ts";
import { bashCompletion } from "../../../systemd/debian/generate/completion.ts";
import { exampleToml, rowsIn } from "../../../systemd/debian/generate/config-file.ts";
import { manPage } from "../../../systemd/debian/generate/manual.ts";

const guide = readFileSync("docs/configuration.md", "utf8");

describe("the agent.toml of the package", () => {
  const shipped = readFileSync("systemd/debian/agent.toml", "utf8");

  it("sets nothing", () => expect(parse(shipped)).toEqual({}));

  // dpkg asks everybody who has edited the file whenever a package brings another one, and where nobody is there to
  // answer, the package stays half installed. So whatever you have to say, say it in the example.
  it("is the same in every release", () => {
    expect(createHash("sha256").update(shipped).digest("hex")).toBe(
      "b97a185d5bcce58772f389dd49e111cd367d3cb5cae5d24ad4d3cf13a5b4971e",
    );
  });
});

describe("the example of an agent.toml", () => {
  it("shows every setting of a real board, and sets none", () => {
    const text = exampleToml(guide);
    const named = [...text.matchAll(/^\[([a-z]+)\]$|^#([a-z.-]+) = /gm)].reduce<{ section: string; names: string[] }>(
      ({ section, names }, [, begun, key]) =>
        begun === undefined ? { section, names: [...names, `${section}.${key}`] } : { section: begun, names },
      { section: "", names: [] },
    ).names;
    const real = Object.keys(settings).filter((name) => !name.startsWith("simulation."));
    expect(named.toSorted()).toEqual(real.toSorted());
    expect(Object.values(parse(text))).toSatisfy((sections: object[]) =>
      sections.every((section) => Object.keys(section).length === 0),
    );
  });

  const written = rowsIn(guide).filter(({ initial }) => initial !== undefined);
  it.each(written.map(({ section, key, initial }) => ({ name: `${section}.${key}`, initial })))(
    "shows the default of $name",
    ({ name, initial }) => {
      const setting = settings[name as keyof typeof settings] as Setting<unknown>;
      const read = setting.read(parse(`it = ${initial ?? ""}`)["it"]);
      // Where the default depends on something else, the table tells what it comes to on a board.
      expect(read).toEqual({
        ok: true,
        value: setting.initial ?? (initial === undefined ? null : JSON.parse(initial)),
      });
    },
  );
});

describe("the manual page", () => {
  const page = manPage("1.2.3", "2026-11-21");

  it("explains every command and every option", () => {
    for (const name of Object.keys(commands)) expect(page).toContain(`.SS ${name}\n`);
    const flags = Object.keys(options).filter((name) => name !== "version");
    for (const name of flags) expect(page).toContain(`\\fB\\-\\-${name.replaceAll("-", "\\-")}\\fR`);
  });

  it("leaves no line to be taken for a request that is none", () => {
    const known = /^\.(TH|SH|SS|TP|PP|B|BR|I|br|nf|fi|RS|RE)\b/;
    expect(page.split("\n").filter((line) => /^[.']/.test(line) && !known.test(line))).toEqual([]);
  });
});

describe("the completion for bash", () => {
  const complete = (...words: string[]): string[] => {
    const script = `${bashCompletion()}
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _boardkeeper_agent; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const said = execFileSync("bash", ["-c", script, "bash", "boardkeeper-agent", ...words], { encoding: "utf8" });
    return said.split("\n").filter((word) => word !== "");
  };

  it.each([
    { words: ["do"], offers: ["doctor"] },
    { words: ["provision", "--"], offers: ["--ca-file", "--no-start", "--help"] },
    { words: ["help", "st"], offers: ["status"] },
    { words: ["install", "READ"], offers: ["README.md"] },
    { words: ["install", "--sha256", ""], offers: [] },
    { words: ["run", "--config", "pack"], offers: ["package-lock.json", "package.json"] },
    { words: ["run", "--state-dir", "syst"], offers: ["systemd"] },
    { words: ["nonsense", ""], offers: [] },
  ])("offers $offers after $words", ({ words, offers }) => {
    expect(complete(...words).toSorted()).toEqual(offers.toSorted());
  });

  it("offers every command first", () => {
    expect(complete("")).toEqual(expect.arrayContaining(Object.keys(commands)));
  });
});
