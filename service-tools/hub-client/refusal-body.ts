/** What the body of an IoT Hub's error answer says. */
export interface RefusalBody {
  /** The number, such as 404103; undefined where the body has none. */
  readonly code: number | undefined;
  /** The word, such as `DeviceNotFound`; undefined where the body has none. */
  readonly name: string | undefined;
  readonly message: string;
}

/**
 * Reads the three shapes in which IoT Hub words its errors: `{"Message":"ErrorCode:DeviceNotFound;…"}` of the registry,
 * `{"Message":"{\"errorCode\":404103,…}"}` of methods, and `{"errorCode":404010,"message":…}` of module identities.
 */
export function readRefusalBody(body: string): RefusalBody {
  const outer = parse(body);
  const text = textOf(outer, "Message") ?? textOf(outer, "message");
  const inner = text === undefined ? undefined : parse(text);
  const source = numberOf(inner, "errorCode") === undefined ? outer : inner;
  const classic = /^ErrorCode:(?<name>\w+);(?<message>[^]*)$/.exec(text ?? "")?.groups;
  return {
    code: numberOf(source, "errorCode"),
    name: classic?.["name"],
    message: classic?.["message"] ?? textOf(source, "message") ?? text ?? body.slice(0, 300),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown, key: string): number | undefined {
  const found = memberOf(value, key);
  return typeof found === "number" ? found : undefined;
}

function textOf(value: unknown, key: string): string | undefined {
  const found = memberOf(value, key);
  return typeof found === "string" ? found : undefined;
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}
