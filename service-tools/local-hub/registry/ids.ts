/** The one a token, a twin, a connection or a method call is about: a device, or a module of it. */
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

/** `device` or `device/module`: the MQTT client id, and the name of a target for people. Ids cannot hold a slash. */
export function targetName({ deviceId, moduleId }: Target): string {
  return moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
}
