import { resolve } from "node:path";

/** For `node --import`: the disk of that process does no direct writes. */
export const refusingDirectWrites = resolve("test/crash/refuse-direct-writes.mjs");
