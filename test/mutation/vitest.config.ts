import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** The tests that speak of the pure files, and are quick enough to be run for each of a thousand mutants. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: [
      "test/unit/agent/contract/{dialects,methods}.test.ts",
      "test/unit/agent/hub/{patch,policy,schedule}.test.ts",
      "test/unit/agent/{reboot,update}/{decisions,machine,report,request}.test.ts",
      "test/unit/agent/update/recover.test.ts",
      "test/unit/agent/download/{mirror-policy,partial-metadata,response,token-bucket}.test.ts",
      "test/unit/agent/{last-good,replies}.test.ts",
      "test/unit/agent/maintenance/window.test.ts",
      "test/unit/agent/telemetry/report-policy.test.ts",
    ],
  },
});
