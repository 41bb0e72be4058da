import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { completion } from "./completion.ts";
import { configFile } from "./config-file.ts";
import { manual } from "./manual.ts";

/* Writes what goes into the package for people to read, into the folder that is named by the argument. Called by scripts/package. */

const folder = process.argv[2] ?? ".";
const date = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? "0") * 1_000).toISOString().slice(0, 10);
await writeFile(join(folder, "boardkeeper-agent.8"), manual(packageJson.version, date));
await writeFile(join(folder, "boardkeeper-agent.completion"), completion());
await writeFile(join(folder, "agent.toml"), configFile(await readFile("docs/configuration.md", "utf8")));
