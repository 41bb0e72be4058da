import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { isDeep } from "./support/depth.ts";
import { LeftOutReporter } from "./support/left-out-reporter.ts";

/*
 * One project for each kind of test; scripts/test names those that it runs. scripts/test-deep runs model, crash, fuzz and
 * chaos once more with bigger numbers (support/depth.ts), and scripts/test-os runs os, which needs a real systemd.
 */

interface More {
  readonly include?: string[];
  readonly exclude?: string[];
  readonly globalSetup?: string;
  readonly execArgv?: string[];
  readonly isolate?: boolean;
}

const kind = (name: string, timeoutMs: number, more: More = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    // A second, the default, is too short where a machine is shared; a test that passes waits no longer for it.
    expect: { poll: { timeout: timeoutMs / 2, interval: 20 } },
    sequence: { shuffle: true },
    ...more,
  },
});

/** What a process holds is measured in one that has done nothing else. */
const measured = ["test/integration/agent/reconnects.test.ts", "test/integration/agent/lighter-sdk.test.ts"];

/** These take minutes, and as root a disk of their own. */
const onlyDeep = ["test/crash/full-disk.test.ts", "test/crash/power-cuts/**"];

/** A test that runs deep may take half an hour. */
const limitMs = (shallowMs: number): number => (isDeep ? 1_800_000 : shallowMs);

// To load each module once for all files, instead of once for each, saves a third to a half of the time.
const isolate = false;

export default defineConfig({
  test: {
    root: fileURLToPath(new URL("..", import.meta.url)),
    // Most of what these tests do is waiting for a hub, a board or a disk.
    maxWorkers: 3,
    reporters: ["default", new LeftOutReporter()],
    projects: [
      kind("unit", 60_000, { isolate }),
      kind("house", 30_000, { isolate }),
      kind("integration", 60_000, { isolate, exclude: measured }),
      kind("measured", 60_000, { include: measured }),
      // Thousands of short runs of the agent: room for what dies young saves a seventh of the time.
      kind("model", limitMs(600_000), { isolate, execArgv: ["--max-semi-space-size=32"] }),
      kind("fuzz", limitMs(60_000), { isolate }),
      kind("crash", limitMs(120_000), { isolate, exclude: isDeep ? [] : onlyDeep }),
      kind("chaos", limitMs(120_000), { isolate }),
      kind("process", 120_000, { isolate }),
      kind("os", 180_000, { globalSetup: "test/os/layers.ts" }),
    ],
    // A shell may export this for its own proxies; the tests bring their own certificate authority.
    env: { NODE_EXTRA_CA_CERTS: "" },
  },
});
