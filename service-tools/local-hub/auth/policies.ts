/**
 * What a shared access policy may allow (iot-hub-dev-guide-sas, "Access control and permissions"). "Faults" is the local hub's own: to
 * switch its faults on and off.
 */
export type Right = "RegistryRead" | "RegistryWrite" | "ServiceConnect" | "DeviceConnect" | "Faults";

export type PolicyName = "iothubowner" | "service" | "device" | "registryRead" | "registryReadWrite";

/** The policies that a new hub has, with their rights. */
const rightsOf: Record<PolicyName, readonly Right[]> = {
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
  return Object.hasOwn(rightsOf, text);
}

export function allows(policy: PolicyName, right: Right): boolean {
  return rightsOf[policy].includes(right);
}
