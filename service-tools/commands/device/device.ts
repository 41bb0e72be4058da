import type { Command } from "commander";
import type { World } from "../../cli/context.ts";
import { addDevice } from "./add.ts";
import { listDevices, type ListOptions } from "./list.ts";
import { removeDevice, showDevice, type ShowOptions } from "./show.ts";
import { withHubOptions, withTargetOptions, type TargetOptions } from "../options.ts";
import { withHub } from "../../cli/with-hub.ts";

/** `boardkeeper device …`: the identities that a hub lets in. */
export function addDeviceCommands(program: Command, world: World): void {
  const device = program.command("device").description("add, list, show and remove the devices (and modules) of a hub");

  withTargetOptions(device.command("add"))
    .description("add a device, or a module of one, and print its connection string (a secret)")
    .action((options: TargetOptions) => withHub(world, options, (client) => addDevice(world, client, options)));

  withHubOptions(device.command("list").option("--modules", "list the modules of all devices instead"))
    .description("list the devices with their link, firmware, update and last reboot")
    .action((options: ListOptions) => withHub(world, options, (client) => listDevices(world, client, options)));

  withTargetOptions(device.command("show"))
    .description("show a device or a module as the registry knows it")
    .option("--keys", "with its keys and its connection string (secrets)")
    .action((options: ShowOptions) => withHub(world, options, (client) => showDevice(world, client, options)));

  withTargetOptions(device.command("remove"))
    .description("remove a device with its modules, or one module: its agent is shut out")
    .action((options: TargetOptions) => withHub(world, options, (client) => removeDevice(world, client, options)));
}
