import type { JsonObject } from "../../../agent/contract/json.ts";
import { deviceConnectionString } from "../../hub-client/device-connection-string.ts";
import { nameOf, type HubAddress, type HubClient, type Identity } from "../../hub-client/hub-client.ts";
import { renderRecord } from "../../cli/output.ts";
import type { World } from "../../cli/context.ts";
import { targetOf, type TargetOptions } from "../options.ts";
import { printResult } from "../result.ts";

export interface ShowOptions extends TargetOptions {
  readonly keys?: boolean;
}

/** `boardkeeper device show`: keys only for those who ask for them. */
export async function showDevice({ out }: World, client: HubClient, options: ShowOptions): Promise<void> {
  const { keys = false, output } = options;
  const target = targetOf(options);
  const identity = await client.identity(target);
  const { status, connectionState, primaryKey, secondaryKey } = identity;
  const record = {
    [target.moduleId === undefined ? "Device" : "Module"]: nameOf(target),
    ...(status === null ? {} : { Status: status }),
    Link: connectionState === "Connected" ? "connected" : "offline",
    ...(keys
      ? {
          "Primary key": primaryKey,
          "Secondary key": secondaryKey,
          "Connection string": deviceConnectionString(client.address, identity),
        }
      : {}),
  };
  printResult(out, output, {
    json: identityDocument(client.address, identity, keys),
    text: `${renderRecord("table", record)}\n`,
  });
}

/** `boardkeeper device remove` */
export async function removeDevice({ out }: World, client: HubClient, options: TargetOptions): Promise<void> {
  const target = targetOf(options);
  await client.remove(target);
  printResult(out, options.output, {
    json: { deviceId: target.deviceId, moduleId: target.moduleId ?? null, removed: true },
    text: `Removed ${nameOf(target)}.\n`,
  });
}

/** An identity for programs. */
export function identityDocument(address: HubAddress, identity: Identity, withKeys: boolean): JsonObject {
  const { deviceId, moduleId, status, connectionState, primaryKey, secondaryKey } = identity;
  return {
    deviceId,
    moduleId: moduleId ?? null,
    status,
    connectionState,
    ...(withKeys
      ? { primaryKey, secondaryKey, connectionString: deviceConnectionString(address, identity) ?? null }
      : {}),
  };
}
