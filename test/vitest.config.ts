import { defineConfig } from "vitest/config";

/** Three kinds of tests: pure and faked (unit), agent and hub on real sockets (integration), whole processes (system). */
const kind = (name: string, testTimeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    sequence: { shuffle: true },
  },
});

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    projects: [kind("unit", 10_000), kind("integration", 60_000), kind("system", 120_000)],
    // A shell may export this for its own proxies; the tests bring their own certificate authority.
    env: { NODE_EXTRA_CA_CERTS: "" },
  },
});
