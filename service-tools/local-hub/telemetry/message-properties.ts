import { decodePercentEncoding } from "../lib/url.ts";

/** The properties of a message, from the property bag in its topic: `%24.ct=application%2Fjson&alert=true`. */
export interface MessageProperties {
  readonly system: Readonly<Record<string, string>>;
  readonly application: Readonly<Record<string, string | null>>;
}

/** The system properties that a device may set, by their names in the property bag (iot-hub-devguide-routing-query-syntax). */
const systemNames: Readonly<Record<string, string>> = {
  "$.mid": "message-id",
  "$.cid": "correlation-id",
  "$.uid": "user-id",
  "$.to": "to",
  "$.ct": "content-type",
  "$.ce": "content-encoding",
  "$.exp": "absolute-expiry-time",
  "$.ctime": "iothub-creation-time-utc",
  "$.on": "iothub-outputname",
  "$.ifid": "iothub-interface-id",
  "$.sub": "dt-subject",
};

/** The properties in a bag, or undefined when it is malformed. A key without `=` has the value null. */
export function parsePropertyBag(bag: string): MessageProperties | undefined {
  const pairs = bag
    .replace(/^\?/, "")
    .split("&")
    .filter((pair) => pair !== "")
    .map(parsePair);
  if (pairs.includes(undefined)) return undefined;
  const known = pairs.filter((pair) => pair !== undefined);
  const system = known.flatMap(([key, value]): [string, string][] => {
    const name = Object.hasOwn(systemNames, key) ? systemNames[key] : undefined;
    return name === undefined ? [] : [[name, value ?? ""]];
  });
  const application = known.filter(([key]) => !Object.hasOwn(systemNames, key));
  return { system: Object.fromEntries(system), application: Object.fromEntries(application) };
}

function parsePair(pair: string): [string, string | null] | undefined {
  const at = pair.indexOf("=");
  const key = decode(at < 0 ? pair : pair.slice(0, at));
  const value = at < 0 ? null : decode(pair.slice(at + 1));
  return key === undefined || key === "" || value === undefined ? undefined : [key, value];
}

/** "The same encoding as query strings in the HTTPS protocol": a plus sign is a space. */
function decode(text: string): string | undefined {
  return decodePercentEncoding(text.replaceAll("+", "%20"));
}
