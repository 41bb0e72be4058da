import { parse } from "smol-toml";
import { expect, it } from "vitest";
import { settingNames } from "../../../../../agent/config/parse-settings.ts";
import type { Setting } from "../../../../../agent/config/setting-types.ts";
import { settings } from "../../../../../agent/config/settings.ts";
import { exampleToml } from "../../../../../systemd/debian/generate/example-toml.ts";

it("shows every setting of a real board, and sets none", () => {
  const text = exampleToml();
  const named = [...text.matchAll(/^\[([a-z]+)\]$|^#([a-z.-]+) = /gm)].reduce<{ section: string; names: string[] }>(
    ({ section, names }, [, begun, key]) =>
      begun === undefined ? { section, names: [...names, `${section}.${key}`] } : { section: begun, names },
    { section: "", names: [] },
  ).names;
  const real = settingNames.filter((name) => !name.startsWith("simulation."));
  expect(named.toSorted()).toEqual(real.toSorted());
  expect(Object.values(parse(text))).toSatisfy((sections: object[]) =>
    sections.every((section) => Object.keys(section).length === 0),
  );
});

const shown = Object.values<Setting<unknown>>(settings).filter(({ initialToml }) => initialToml !== undefined);
it.each(shown)("shows the default of $name", ({ name, initial, initialToml, parse: parseValue }) => {
  const key = name.split(".").slice(1).join(".");
  if (!name.startsWith("simulation.")) expect(exampleToml()).toContain(`\n#${key} = ${initialToml ?? ""}\n`);
  const parsed = parseValue(parse(`it = ${initialToml ?? ""}`)["it"]);
  // Where the default depends on something else, the example shows what it is on a board.
  expect(parsed).toEqual({ ok: true, value: initial ?? JSON.parse(initialToml ?? "") });
});
