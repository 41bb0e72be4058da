import type { Command } from "commander";
import type { JsonObject } from "../../../agent/contract/json.ts";
import {
  targetName,
  type HubAddress,
  type HubClient,
  type Identity,
  deviceConnectionString,
} from "../../hub-client/hub-client.ts";
import { formatRecord, printResult } from "../../cli/output.ts";
import { withHub, type Context } from "../../context.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";

interface ShowOptions extends TargetOptions {
  readonly keys?: boolean;
}

/** `boardkeeper device show` */
export function addDeviceShow(device: Command, context: Context): void {
  withTargetOptions(device.command("show"))
    .description("show a device or a module as the hub's registry has it")
    .option("--keys", "print its keys and connection string, too (secrets)")
    .action((options: ShowOptions) => withHub(context, options, (client) => showDevice(context, client, options)));
}

async function showDevice({ out }: Context, client: HubClient, options: ShowOptions): Promise<void> {
  const { keys = false, output } = options;
  const target = targetOf(options);
  const identity = await client.getIdentity(target);
  const { status, connectionState, primaryKey, secondaryKey } = identity;
  const record = {
    [target.moduleId === undefined ? "Device" : "Module"]: targetName(target),
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
    text: `${formatRecord(record)}\n`,
  });
}

/** What programs get about an identity. */
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
