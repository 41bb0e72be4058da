import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { bashCompletion } from "./completion.ts";
import { exampleToml } from "./config-file.ts";
import { manPage } from "./manual.ts";

/* Writes what goes into the package for people to read, into the folder that is named by the argument. Called by scripts/package. */

const folder = process.argv[2] ?? ".";
const date = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? "0") * 1_000).toISOString().slice(0, 10);
await writeFile(join(folder, "boardkeeper-agent.8"), manPage(packageJson.version, date));
await writeFile(join(folder, "boardkeeper-agent.completion"), bashCompletion());
await writeFile(join(folder, "agent.toml"), exampleToml(await readFile("docs/configuration.md", "utf8")));
