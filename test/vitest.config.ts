import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LeftOutReporter } from "./support/left-out-reporter.ts";

/**
 * Kinds of tests: pure and faked (unit), agent and hub on real sockets (integration), whole processes (system), what
 * takes too long for every change (deep: scripts/test-deep), and what needs a real systemd (rig: scripts/test-os).
 */
const kind = (
  name: string,
  testTimeout: number,
  more: { globalSetup?: string; execArgv?: string[]; isolate?: boolean; include?: string[]; exclude?: string[] } = {},
) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    sequence: { shuffle: true },
    ...more,
  },
});

/** What a process holds is measured in one that has done nothing else. */
const measured = ["test/integration/agent/reconnects.test.ts"];

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    // Most of what these tests do is waiting for a hub, a board or a disk.
    maxWorkers: 3,
    reporters: ["default", new LeftOutReporter()],
    projects: [
      // The explorer lives thousands of short lives: room for what dies young saves a seventh of its time. To load each module
      // once for all files instead of once for each saves a third to a half of the time of everything else.
      kind("unit", 30_000, { execArgv: ["--max-semi-space-size=32"], isolate: false }),
      kind("integration", 60_000, { isolate: false, exclude: measured }),
      kind("measured", 60_000, { include: measured }),
      kind("system", 120_000),
      kind("deep", 1_800_000),
      kind("rig", 180_000, { globalSetup: "test/rig/layers.ts" }),
    ],
    // A shell may export this for its own proxies; the tests bring their own certificate authority.
    env: { NODE_EXTRA_CA_CERTS: "" },
  },
});
