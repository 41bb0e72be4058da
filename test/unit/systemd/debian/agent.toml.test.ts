import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { expect, it } from "vitest";

const shipped = readFileSync("systemd/debian/agent.toml", "utf8");

it("sets nothing", () => expect(parse(shipped)).toEqual({}));

// dpkg asks everybody who has edited the file whenever a package brings another one, and where nobody is there to
// answer, the package stays half installed. Write what is new into the example instead.
it("is the same in every release", () => {
  expect(createHash("sha256").update(shipped).digest("hex")).toBe(
    "b97a185d5bcce58772f389dd49e111cd367d3cb5cae5d24ad4d3cf13a5b4971e",
  );
});
