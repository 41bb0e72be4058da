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

const withDefault = Object.values<Setting<unknown>>(settings).filter(({ initialToml }) => initialToml !== undefined);

it.each(withDefault.filter(({ name }) => !name.startsWith("simulation.")))(
  "shows the default of $name",
  ({ name, initialToml }) => {
    const key = name.split(".").slice(1).join(".");
    expect(exampleToml()).toContain(`\n#${key} = ${initialToml ?? ""}\n`);
  },
);

it.each(withDefault)("a TOML file with the default of $name means the default", (setting) => {
  const { initial, initialToml, parse: parseValue } = setting;
  const parsed = parseValue(parse(`it = ${initialToml ?? ""}`)["it"]);
  // Where the default depends on something else, the example shows what it is on a board.
  expect(parsed).toEqual({ ok: true, value: initial ?? JSON.parse(initialToml ?? "") });
});
