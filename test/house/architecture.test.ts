import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { updatePhases } from "../../agent/contract/snapshot.ts";
import { transitions } from "../fixtures/update-machine/transitions.ts";

const architecture = readFileSync("docs/architecture.md", "utf8");

/** The arrows of the state diagram, without its beginning and what a restart decides. */
function drawnArrows(): string[] {
  const [, diagram = ""] = /```mermaid\n(.*?)```/s.exec(architecture) ?? [];
  const arrows = [...diagram.matchAll(/^ {2}(\w+) --> (\w+): (.+)$/gm)];
  return arrows
    .map(([, from, to, event]) => `${from} + ${event} -> ${to}`)
    .filter((arrow) => !arrow.includes("after the"));
}

it("the state diagram in docs/architecture.md has the arrows of the update machine, and no other", () => {
  expect(drawnArrows().sort()).toStrictEqual(
    transitions.map(([from, event, to]) => `${from} + ${event} -> ${to}`).sort(),
  );
});

it("the state diagram names every phase", () => {
  const named = new Set(drawnArrows().flatMap((arrow) => arrow.match(/\w+/g) ?? []));
  expect(updatePhases.filter((phase) => !named.has(phase))).toStrictEqual([]);
});

it.each([
  "README.md",
  "test/README.md",
  "docs/architecture.md",
  "docs/contributing.md",
  "docs/contract.md",
  "docs/local-hub.md",
])("%s names no file that does not exist", (page) => {
  const paths = [
    ...readFileSync(page, "utf8").matchAll(
      /[`(](?:\.\.\/)?((?:agent|docs|scripts|service-tools|systemd|test)\/[\w./@-]+)[`)#]/g,
    ),
  ];
  const missing = paths
    .map(([, path = ""]) => path)
    .filter((path) => !/\b(NAME|ROOM)\b/.test(path) && !existsSync(path));
  expect(paths.length).toBeGreaterThan(0);
  expect(missing).toStrictEqual([]);
});

it("the journeys in docs/architecture.md name no file that does not exist", () => {
  const journeys = architecture.slice(architecture.indexOf("## Four journeys"));
  const steps = journeys.split("\n").filter((line) => /^\d+\. /.test(line));
  const missing = steps.flatMap((step) => {
    const names = [...step.matchAll(/`([\w./-]+)`/g)].map(([, name = ""]) => name);
    const room = names[0]?.replace(/[^/]*$/, "") ?? "";
    return names.filter((name) => !existsSync(name) && !existsSync(`${room}${name}`));
  });
  expect(steps.length).toBeGreaterThan(30);
  expect(missing).toStrictEqual([]);
});
