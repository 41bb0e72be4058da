import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { bashCompletion } from "./bash-completion.ts";
import { exampleToml } from "./example-toml.ts";
import { manPage } from "./man-page.ts";

/* Writes the generated files of the package into the folder that the argument names. Called by scripts/package. */

const folder = process.argv[2] ?? ".";
const date = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? "0") * 1_000).toISOString().slice(0, 10);
await writeFile(join(folder, "boardkeeper-agent.8"), manPage(packageJson.version, date));
await writeFile(join(folder, "boardkeeper-agent.completion"), bashCompletion());
await writeFile(join(folder, "agent.toml"), exampleToml());
