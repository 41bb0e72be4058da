import { readFileSync, writeFileSync } from "node:fs";
import { withSettingsTable } from "./settings-table.ts";

/* Writes what of docs/ is generated. Called by scripts/generate-docs, in the root of the project. */

const path = "docs/configuration.md";
writeFileSync(path, withSettingsTable(readFileSync(path, "utf8")));
