import { dirname, join } from "node:path";
import { ProgramLoader } from "./program-loader.ts";

/* What Node.js is started with, as boardkeeper-agent.cjs: loads the program in agent/, from its code cache where there is one. */

// Node.js 24 deprecates what the Azure SDK calls; who reads a board's journal can do nothing about that.
process.noDeprecation = true;

const folder = dirname(__filename);
const loader = new ProgramLoader({
  entry: join(folder, "boardkeeper-agent.mjs"),
  cacheFolder: join(folder, "code-cache"),
});
loader.load(join(folder, "agent/main.cjs"));
