import { createHmac } from "node:crypto";

/** A shared access signature made by hand, as iot-hub-dev-guide-sas describes it. */
export function sasToken(resource: string, key: string, expiryS: number, policy?: string): string {
  const audience = encodeURIComponent(resource);
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(`${audience}\n${expiryS}`).digest("base64");
  const name = policy === undefined ? "" : `&skn=${policy}`;
  return `SharedAccessSignature sr=${audience}&sig=${encodeURIComponent(signature)}&se=${expiryS}${name}`;
}
