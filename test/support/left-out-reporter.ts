import type { TestCase, TestModule } from "vitest/node";
import type { Reporter, Vitest } from "vitest/node";
import "./needs.ts";

/**
 * Names, at the end of a run, the tests that were left out because the machine or its user lacks something (needs.ts).
 * With REQUIRE_ALL_TESTS=1 the run fails if there are any. A run with a name pattern that no test has fails too.
 */
export class LeftOutReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const pattern = this.#vitest?.getGlobalTestNamePattern();
    const selected = modules
      .flatMap((module) => [...module.children.allTests()])
      .filter((test) => pattern === undefined || pattern.test(nameOf(test)));
    if (pattern !== undefined && selected.length === 0)
      this.#fail(`No test has a name that matches ${pattern.source}.`);

    const leftOut = selected.filter((test) => test.meta().leftOut !== undefined);
    if (leftOut.length === 0) return;
    const reasons = new Map<string, TestCase[]>();
    for (const test of leftOut) {
      const reason = test.meta().leftOut ?? "";
      reasons.set(reason, [...(reasons.get(reason) ?? []), test]);
    }
    this.#say(`Left out: ${tests(leftOut.length)}.`);
    for (const [reason, those] of reasons) {
      this.#say(`  ${tests(those.length)}, because ${reason}:`);
      for (const test of those) this.#say(`    ${test.module.relativeModuleId}: ${test.fullName}`);
    }
    if (process.env["REQUIRE_ALL_TESTS"] === "1") this.#fail("REQUIRE_ALL_TESTS=1: no test may be left out.");
  }

  #say(line: string): void {
    this.#vitest?.logger.log(line);
  }

  #fail(why: string): void {
    this.#vitest?.logger.error(why);
    process.exitCode = 1;
  }
}

/** As vitest compares it with a name pattern. */
function nameOf(test: TestCase): string {
  return test.parent.type === "suite" ? `${suiteNames(test.parent)} ${test.name}` : test.name;
}

function suiteNames(suite: TestCase["parent"]): string {
  if (suite.type === "module") return "";
  return suite.parent.type === "suite" ? `${suiteNames(suite.parent)} ${suite.name}` : suite.name;
}

function tests(count: number): string {
  return count === 1 ? "1 test" : `${count} tests`;
}
