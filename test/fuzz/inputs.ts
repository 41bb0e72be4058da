import * as fc from "fast-check";

/** Stands for what must never be repeated: found in a reply, a log line or a twin, it has leaked. */
export const secret = "c2VjcmV0LXNpZ25hdHVyZQ";

/** Texts that hold the secret in the places in which keys, signatures and passwords are found. */
export const secretText = fc.constantFrom(
  `https://images.example/board.img?sv=1&sig=${secret}`,
  `http://images.example/board.img?token=${secret}`,
  `https://user:${secret}@images.example/board.img`,
  `https://user:${secret}${"x".repeat(80)}@images.example/`,
  `HostName=h.example;DeviceId=d;SharedAccessKey=${secret}`,
  `SharedAccessSignature sr=h&sig=${secret}&se=1`,
  `SharedAccessKey="${secret}"`,
  `sig=${secret}`,
);

/** Values of every kind that JSON knows, and those that trip over JavaScript. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  secretText,
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom<unknown>(
    "",
    " ",
    "\u0000",
    "\ud800",
    "x".repeat(5_000),
    -0,
    -1,
    0.5,
    1e300,
    2 ** 53,
    null,
    [],
    {},
    JSON.parse('{"__proto__":{"apply":"now"},"constructor":1,"toString":null}'),
    "__proto__",
  ),
);

export const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
export const httpsUri = fc
  .tuple(fc.constantFrom("https://images.example", "https://10.0.0.1:8443", "HTTPS://[::1]"), fc.webPath(), secretText)
  .map(([origin, path, query]) => `${origin}${path}?${encodeURIComponent(query)}`);

/** A good object with one of its members, or one that it could have, replaced by junk or left out. */
export function oneWrong<T extends object>(
  good: fc.Arbitrary<T>,
  keys: readonly string[],
): fc.Arbitrary<{ readonly payload: object; readonly key: string }> {
  return fc
    .record({ base: good, key: fc.constantFrom(...keys), value: fc.option(junk, { nil: undefined, freq: 8 }) })
    .map(({ base, key, value }) => ({ payload: { ...base, [key]: value }, key }));
}

/** A JSON tree with the value at one of its places replaced. */
export function mutated(tree: unknown): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...placesOf(tree)), fc.oneof(junk, fc.constant(undefined)))
    .map(([place, value]) => replaced(tree, place, value));
}

function placesOf(tree: unknown, place: readonly string[] = []): (readonly string[])[] {
  if (typeof tree !== "object" || tree === null) return [place];
  return [place, ...Object.entries(tree).flatMap(([key, value]) => placesOf(value, [...place, key]))];
}

function replaced(tree: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(tree))
    return tree.map((one: unknown, index) => (String(index) === key ? replaced(one, rest, value) : one));
  if (typeof tree !== "object" || tree === null) return tree;
  return { ...tree, [key]: replaced((tree as Record<string, unknown>)[key], rest, value) };
}
