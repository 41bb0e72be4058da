import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { filesIn, importsOf } from "./sources.ts";

/* How the files are laid out. A room is a folder below agent/, service-tools/ or service-tools/local-hub/. */

const buildings = ["agent", "service-tools", "service-tools/local-hub"];

/** A file that lies loose is a room of its own: a composition root. */
function roomOf(path: string): string {
  const building = path.startsWith("service-tools/local-hub/") ? 2 : 1;
  const parts = path.split("/");
  return parts.slice(0, building + 1).join("/");
}

/** Tests that may be longer than 300 lines: one source file has one test file, and one table of rules or faults stands whole. */
const long = new Set(["test/integration/local-hub/faults/mqtt.test.ts"]);

const sources = filesIn("agent", "service-tools");
const imports = importsOf(sources).filter(({ to }) => sources.includes(to));

/** For each node those that it leads to. */
function graphOf(edges: readonly { readonly from: string; readonly to: string }[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const { from, to } of edges) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  return graph;
}

/** Every way round, as the shortest one from each node that has one, once. */
function cyclesIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const cycles = new Map<string, string>();
  for (const start of graph.keys()) {
    const ways = [[start]];
    const seen = new Set<string>();
    for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
      const next = graph.get(way.at(-1) ?? "") ?? new Set();
      if (next.has(start)) {
        const name = [...way].sort().join();
        if (!cycles.has(name)) cycles.set(name, [...way, start].join(" -> "));
        break;
      }
      for (const one of next) if (!seen.has(one)) ways.push([...way, one]);
      for (const one of next) seen.add(one);
    }
  }
  return [...cycles.values()].sort();
}

describe("rooms", () => {
  it("a test in test/unit lies where the one source file lies that it tests", () => {
    const orphans = filesIn("test/unit").filter((test) => {
      const source = test.replace(/^test\/unit\//, "").replace(/\.test\.ts$/, "");
      return !existsSync(`${source}.ts`) && !existsSync(source); // Some test a file of another kind: agent.toml.
    });
    expect(orphans).toStrictEqual([]);
  });

  it.each(buildings)("%s holds at most five loose files: its composition roots", (building) => {
    const loose = sources.filter((path) => dirname(path) === building);
    expect(loose.slice(5)).toStrictEqual([]);
  });

  it("no file has more than 300 lines", () => {
    const tooLong = filesIn("agent", "service-tools", "systemd", "test").flatMap((path) => {
      const lines = readFileSync(path, "utf8").split("\n").length - 1;
      return lines > 300 && !long.has(path) ? [`${path}: ${lines}`] : [];
    });
    expect(tooLong).toStrictEqual([]);
  });

  it("no files import each other, not even by way of others", () => {
    const all = filesIn("agent", "service-tools", "systemd", "test");
    expect(cyclesIn(graphOf(importsOf(all)))).toStrictEqual([]);
  });

  it("no two rooms import each other: rooms form layers", () => {
    const between = imports.filter(({ from, to }) => roomOf(from) !== roomOf(to));
    const graph = graphOf(between.map(({ from, to }) => ({ from: roomOf(from), to: roomOf(to) })));
    const mutual = between.filter(({ from, to }) => graph.get(roomOf(to))?.has(roomOf(from)));
    const offences = mutual.map(({ from, to }) => `${roomOf(from)} <-> ${roomOf(to)}: ${from} imports ${to}`);
    expect([...new Set(offences)].sort()).toStrictEqual([]);
  });
});

it("a cycle is found, also one of three", () => {
  const edges = ["a b", "b c", "c a", "c d", "d c"].map((edge) => edge.split(" "));
  const graph = graphOf(edges.map(([from = "", to = ""]) => ({ from, to })));
  expect(cyclesIn(graph)).toStrictEqual(["a -> b -> c -> a", "c -> d -> c"]);
});
