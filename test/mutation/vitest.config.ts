import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The tests that speak of the pure files, and are quick enough to be run for each of a thousand mutants. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    testTimeout: 60_000, // Code that was made ready for mutants runs slowly.
    include: [
      "test/unit/agent/contract/**/*.test.ts",
      "test/unit/agent/hub/reconnect-policy.test.ts",
      "test/unit/agent/twin/progress-throttle.test.ts",
      "test/unit/agent/{reboot,update}/{request-decisions,machine,update-snapshot,reboot-snapshot,validate-request}.test.ts",
      "test/unit/agent/update/{declared-operation,desired-firmware-decisions}.test.ts",
      "test/unit/agent/update/{lease,recover}.test.ts",
      "test/unit/agent/download/{failure-outcome,image-size,mirror-policy,partial-metadata,response,token-bucket}.test.ts",
      "test/integration/agent/method-replies.test.ts",
      "test/unit/agent/maintenance/window.test.ts",
      "test/unit/agent/telemetry/{health-alerts,report-policy}.test.ts",
      "test/unit/agent/config/last-known-good-format.test.ts",
      "test/unit/agent/trust/order.test.ts",
    ],
  },
});
