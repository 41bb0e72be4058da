import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { errorCodes } from "../../agent/contract/codes.ts";
import { boardConfigKeys } from "../../agent/config/board-config.ts";
import { settingNames } from "../../agent/config/parse-settings.ts";
import { faultNames } from "../../service-tools/local-hub/faults/catalog.ts";

it("docs/configuration.md explains every setting and every key of board.conf there is, and no other", () => {
  const rows = readFileSync("docs/configuration.md", "utf8").matchAll(/^\| `([a-z.-]+\.[a-z-]+)` \|/gm);
  expect([...rows].map(([, name]) => name)).toStrictEqual([...settingNames, ...boardConfigKeys]);
});

it("docs/security.md tells the exposure of every unit, and of no other", () => {
  const rows = readFileSync("docs/security.md", "utf8").matchAll(/^\| `([\w@-]+\.service)` \| \d\.\d \|$/gm);
  const units = readdirSync("systemd").filter((name) => name.endsWith(".service"));
  expect(Array.from(rows, ([, name = ""]) => name).toSorted()).toStrictEqual(units.toSorted());
});

it("docs/local-hub.md lists every fault, and no other", () => {
  const rows = readFileSync("docs/local-hub.md", "utf8").matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| /gm);
  const names = [...rows].flatMap(([, cell = ""]) => cell.replaceAll("`", "").split(", "));
  expect(names.toSorted()).toStrictEqual(faultNames().toSorted());
});

it("docs/errors.md explains every error code, word for word", () => {
  const rows = [...readFileSync("docs/errors.md", "utf8").matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)];
  expect(Object.fromEntries(rows.map(([, code, remedy]) => [code, remedy]))).toStrictEqual(errorCodes);
});

it("every link between the pages leads somewhere", () => {
  const pages = [
    "README.md",
    "test/README.md",
    "test/model/README.md",
    ...readdirSync("docs", { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => join("docs", name)),
  ];
  const broken = pages.flatMap((page) =>
    [...readFileSync(page, "utf8").matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(dirname(page), target)))
      .map((target) => `${page} -> ${target}`),
  );
  expect(broken).toStrictEqual([]);
});
