// Takes the newest Node.js of each line: node newest-node.mjs FILE rewrites versions and integrities in systemd/debian/runtimes.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const [, , file = ""] = process.argv;
const text = readFileSync(file, "utf8");
const said = [];
const renewed = text.replace(/^(\w+) (\S+) (\d+) (\S+) \S+$/gm, (_, architecture, name, line, before) => {
  const { version, integrity } = newest(name, line);
  if (compare(version, before) < 0)
    throw new Error(
      `npm has ${name} ${version} as its newest, but ${file} has ${before} already. Look at npm view ${name}.`,
    );
  said.push(`${architecture}: ${version === before ? `${version} is still the newest` : `${before} -> ${version}`}\n`);
  return [architecture, name, line, version, integrity].join(" ");
});
writeFileSync(file, renewed);
process.stdout.write(said.join(""));

function newest(name, line) {
  const range = `${name}@${line}`;
  const answer = execFileSync("npm", ["view", range, "version", "dist.integrity", "--json"], { encoding: "utf8" });
  // One object where a single version fits, none where nothing does.
  const versions = answer.trim() === "" ? [] : [JSON.parse(answer)].flat();
  const last = versions.sort((a, b) => compare(a.version, b.version)).at(-1);
  const integrity = last?.["dist.integrity"];
  if (!/^\d+\.\d+\.\d+$/.test(last?.version ?? "") || !/^sha512-[\w+/]{86}==$/.test(integrity ?? ""))
    throw new Error(`npm names no version of ${range} with a SHA-512. Nothing was changed.`);
  return { version: last.version, integrity };
}

function compare(a, b) {
  const [x, y] = [a, b].map((one) => one.split(".").map(Number));
  const at = x.findIndex((part, index) => part !== y[index]);
  return at === -1 ? 0 : x[at] - y[at];
}
