/**
 * How much the model, crash, fuzz and chaos tests try. scripts/test-deep sets BOARDKEEPER_TEST_DEPTH=deep; nothing but this
 * file and test/vitest.config.ts, which leaves out what runs only deep, asks for it.
 */
export const isDeep = process.env["BOARDKEEPER_TEST_DEPTH"] === "deep";

/** The first of the two for every change, the second where there is time. */
export function byDepth<Shallow, Deep>(shallow: Shallow, deep: Deep): Shallow | Deep {
  return isDeep ? deep : shallow;
}
