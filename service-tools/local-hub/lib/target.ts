import { createHash } from "node:crypto";

/** A device, or a module of one: what a token, a twin, a connection or a method call is about. */
export interface Target {
  readonly deviceId: string;
  readonly moduleId?: string;
}

// "A case-sensitive string (up to 128 characters long) of ASCII 7-bit alphanumeric characters plus certain special
// characters: - . + % _ # * ? ! ( ) , = @ $ '" (and ':' for devices), iot-hub-devguide-identity-registry.
const deviceIdPattern = /^[A-Za-z0-9\-.+%_#*?!(),=@$':]{1,128}$/;
// Modules beginning with $ ($edgeAgent …) belong to IoT Edge; the hub refuses to create them.
const moduleIdPattern = /^(?!\$)[A-Za-z0-9\-.+%_#*?!(),=@$']{1,128}$/;

export function isDeviceId(text: string): boolean {
  return deviceIdPattern.test(text);
}

export function isModuleId(text: string): boolean {
  return moduleIdPattern.test(text);
}

/** `device` or `device/module`: the MQTT client id, also used in logs and messages. Ids cannot hold a slash. */
export function targetName({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}

/** Linux allows 255 bytes; the temporary copy of a file adds 23. */
const FILE_NAME_LIMIT = 230;

/**
 * The name, without folder and extension, of a file about a device or a module: the ids percent-encoded, joined by `~`.
 * `.` and `..` are valid device ids and bad file names, so their dots are escaped. A name that is too long is replaced by
 * its digest. The agent names the files of its boards the same way.
 */
export function fileNameOf({ deviceId, moduleId }: Target): string {
  const name = [deviceId, moduleId]
    .filter((id) => id !== undefined)
    .map((id) => encodeURIComponent(id))
    .join("~")
    .replace(/^\.{1,2}$/, (dots) => "%2E".repeat(dots.length));
  if (name.length <= FILE_NAME_LIMIT) return name;
  return `sha256-${createHash("sha256").update(name).digest("hex")}`;
}
