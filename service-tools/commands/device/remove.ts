import type { Command } from "commander";
import { printResult } from "../../cli/output.ts";
import { withHub, type Context } from "../../context.ts";
import { targetName, type HubClient } from "../../hub-client/hub-client.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";

/** `boardkeeper device remove` */
export function addDeviceRemove(device: Command, context: Context): void {
  withTargetOptions(device.command("remove"))
    .description("remove a device with its modules, or one module; its agent can no longer connect")
    .action((options: TargetOptions) => withHub(context, options, (client) => removeDevice(context, client, options)));
}

async function removeDevice({ out }: Context, client: HubClient, options: TargetOptions): Promise<void> {
  const target = targetOf(options);
  await client.removeIdentity(target);
  printResult(out, options.output, {
    json: { deviceId: target.deviceId, moduleId: target.moduleId ?? null, removed: true },
    text: `Removed ${targetName(target)}.\n`,
  });
}
