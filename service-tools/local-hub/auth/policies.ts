/**
 * What a shared access policy may allow (iot-hub-dev-guide-sas, "Access control and permissions"). "Faults" is the local hub's own: to
 * switch its faults on and off.
 */
export type Permission = "RegistryRead" | "RegistryWrite" | "ServiceConnect" | "DeviceConnect" | "Faults";

export type PolicyName = "iothubowner" | "service" | "device" | "registryRead" | "registryReadWrite";

/** The policies that a new hub has, with their rights. */
const permissionsOf: Record<PolicyName, readonly Permission[]> = {
  iothubowner: ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect", "Faults"],
  service: ["ServiceConnect"],
  device: ["DeviceConnect"],
  registryRead: ["RegistryRead"],
  registryReadWrite: ["RegistryRead", "RegistryWrite"],
};

export interface PolicyKeys {
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export type Policies = Readonly<Record<PolicyName, PolicyKeys>>;

export function isPolicyName(text: string): text is PolicyName {
  return Object.hasOwn(permissionsOf, text);
}

export function hasPermission(policy: PolicyName, right: Permission): boolean {
  return permissionsOf[policy].includes(right);
}
