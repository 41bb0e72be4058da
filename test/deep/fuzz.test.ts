import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { answerProperties } from "../support/fuzz/answers.ts";
import { busyProperties } from "../support/fuzz/busy-boards.ts";
import { configProperties } from "../support/fuzz/configs.ts";
import { downloadProperties } from "../support/fuzz/downloads.ts";
import { remoteProperties } from "../support/fuzz/remote.ts";
import { requestProperties } from "../support/fuzz/requests.ts";
import { stateProperties } from "../support/fuzz/state-files.ts";

// Other inputs each time; FUZZ_SEED brings those of an earlier run back.
const seed = Number(process.env["FUZZ_SEED"] ?? randomInt(2 ** 31));
const properties = {
  ...requestProperties,
  ...busyProperties,
  ...remoteProperties,
  ...configProperties,
  ...stateProperties,
  ...downloadProperties,
  ...answerProperties,
};
process.stdout.write(`fuzz: FUZZ_SEED=${seed}\n`);

it.each(Object.entries(properties))("%s", async (_name, search) => {
  expect(await search({ numRuns: 5_000, seed })).toBeNull();
});
