import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { checkNodeRepairs } from "../../../../../agent/cli/doctor/node-repairs.ts";
import { describeFinding } from "../../../../support/findings.ts";

const carried = {
  version: "24.22.3",
  path: "/usr/lib/boardkeeper/node",
  arch: "arm64",
  debianVersion: null,
  osId: "debian",
  nowMs: Date.parse("2026-11-30T12:00:00Z"),
  synchronized: true,
};
const debians = { ...carried, version: "20.19.2", path: "/usr/bin/node", debianVersion: "20.19.2+dfsg-1+deb13u1" };
const others = { ...debians, version: "20.20.2", debianVersion: "20.20.2-1nodesource1" };

it.each([
  [
    carried,
    "ok: Node.js 24.22.3, which this package carries: its line gets repairs until 2028-04-30, with new releases",
  ],
  [{ ...carried, nowMs: Date.parse("2028-04-30T23:59:59Z") }, "ok: Node.js 24.22.3"],
  [
    { ...carried, nowMs: Date.parse("2028-05-01T00:00:00Z") },
    "warning: Node.js 24.22.3, which this package carries: its line has had no repairs since 2028-04-30",
  ],
  // A clock that nobody has set proves neither.
  [
    { ...carried, synchronized: false },
    "unknown: Node.js 24.22.3, which this package carries: its line gets repairs until",
  ],
  [{ ...carried, synchronized: false, nowMs: Date.parse("2040-01-01") }, "unknown: Node.js 24.22.3"],
  [debians, "ok: Node.js 20.19.2, /usr/bin/node: Debian's nodejs 20.19.2+dfsg-1+deb13u1, which Debian repairs"],
  [{ ...debians, synchronized: false }, "ok: Node.js 20.19.2"],
  [
    { ...debians, debianVersion: "18.19.1+dfsg-6ubuntu5", version: "18.19.1" },
    "unknown: Node.js 18.19.1, /usr/bin/node: ",
  ],
  [{ ...debians, osId: "raspbian" }, "ok: Node.js 20.19.2, /usr/bin/node: Debian's nodejs"],
  // Others take Debian's package unchanged, and do not repair it as Debian does.
  [{ ...debians, osId: "ubuntu" }, "warning: Node.js 20.19.2, /usr/bin/node: its line has had no repairs since"],
  [{ ...debians, osId: null }, "warning: Node.js 20.19.2, /usr/bin/node: its line has had no repairs since"],
  [others, "warning: Node.js 20.20.2, /usr/bin/node: its line has had no repairs since 2026-04-30"],
  [{ ...others, debianVersion: null, version: "22.1.0", path: "/opt/node" }, "ok: Node.js 22.1.0, /opt/node: its line"],
  [
    { ...carried, version: "27.0.0" },
    "unknown: Node.js 27.0.0, which this package carries: this release does not know",
  ],
  [
    { ...carried, version: "20.11.0", arch: "arm", synchronized: false },
    "warning: Node.js 20.11.0, which this package carries, is of January 2024 and gets no repairs",
  ],
  [
    { ...carried, version: "20.11.0" },
    "warning: Node.js 20.11.0, which this package carries: its line has had no repairs",
  ],
])("%j", (facts, expected) => expect(describeFinding(checkNodeRepairs(facts))).toContain(expected));

it("advises the owner of a package to install a newer one, others to change their Node.js", () => {
  const late = { nowMs: Date.parse("2030-01-01") };
  expect(checkNodeRepairs({ ...carried, ...late }).advice).toContain("Install a newer release of this package");
  expect(checkNodeRepairs({ ...others, ...late }).advice).toContain("Install a newer line of Node.js");
});

it("knows until when each line gets repairs that a package carries, and docs/package.md says the same", () => {
  const runtimes = readFileSync("systemd/debian/runtimes", "utf8").matchAll(/^(\w+) \S+ (\d+) (\S+) \S+$/gm);
  const said = [...runtimes].map(([, architecture, line, version = ""]) => {
    const { what } = checkNodeRepairs({ ...carried, version, arch: architecture === "armhf" ? "arm" : "arm64" });
    return `${architecture} ${line}: ${/until \S+(?=,)|gets no repairs/.exec(what)?.[0]}`;
  });
  expect(said).toStrictEqual(["amd64 24: until 2028-04-30", "arm64 24: until 2028-04-30", "armhf 20: gets no repairs"]);
  const docs = readFileSync("docs/package.md", "utf8");
  expect(docs).toContain("| `arm64`, `amd64` | 24 | until 30 April 2028, ");
  expect(docs).toContain("| `armhf` | 20.11.0 | none |");
});
