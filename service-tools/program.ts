import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addApply } from "./commands/boards/apply.ts";
import { addCancel } from "./commands/boards/cancel.ts";
import { addConfigure } from "./commands/boards/configure.ts";
import { addLogs } from "./commands/boards/logs.ts";
import { addReboot } from "./commands/boards/reboot.ts";
import { addStatus } from "./commands/boards/status.ts";
import { addTwinCommands } from "./commands/boards/twin.ts";
import { addUpdate } from "./commands/boards/update.ts";
import { addWatch } from "./commands/boards/watch.ts";
import { addDemo } from "./commands/demo.ts";
import { addDeviceAdd } from "./commands/device/add.ts";
import { addDeviceList } from "./commands/device/list.ts";
import { addDeviceRemove } from "./commands/device/remove.ts";
import { addDeviceShow } from "./commands/device/show.ts";
import { addHubEvents } from "./commands/hub/events.ts";
import { addHubFault } from "./commands/hub/fault.ts";
import { addHubStart } from "./commands/hub/start.ts";
import { addHubStatus } from "./commands/hub/status.ts";
import { addHubStop } from "./commands/hub/stop.ts";
import { addImagePublish } from "./commands/image/publish.ts";
import { addImageServe } from "./commands/image/serve.ts";
import { addRepoCommands } from "./commands/repo/commands.ts";
import type { Context, RunCommandLine } from "./context.ts";

const firstSteps = `
First steps, on this machine alone:
  boardkeeper demo                       a tour on this machine, 30 s
  boardkeeper hub start                  start a local hub; leave it running
  boardkeeper device add -d board-1      add a device
  boardkeeper status -d board-1          show its state
  boardkeeper reboot -d board-1 --wait   reboot it; wait for the proof

With Azure IoT Hub, name the hub with --login, or once for all commands:
  export IOTHUB_CONNECTION_STRING="HostName=…;SharedAccessKeyName=…;…"

boardkeeper COMMAND --help explains each command.`;

/** The command line program. @param run runs another command line; `demo` uses it */
export function buildProgram(context: Context, run: RunCommandLine): Command {
  const program = new Command("boardkeeper")
    .description("Reboots and updates boards through Azure IoT Hub or a local hub, and proves the result.")
    .version(packageJson.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    // `update` has its own --version.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("  Add --help for usage.")
    .configureOutput({
      writeOut: (text) => context.out.write(text),
      writeErr: (text) => context.err.write(text),
      getOutHelpWidth: () => Math.min(context.out.columns, 110),
      getErrHelpWidth: () => Math.min(context.err.columns, 110),
      getOutHasColors: () => context.out.hasColour,
      getErrHasColors: () => context.err.hasColour,
      outputError: (text, write) => write(text.replace(/^error: /, "boardkeeper: ")),
    })
    .addHelpText("after", firstSteps);

  program.commandsGroup("Boards:");
  addStatus(program, context);
  addWatch(program, context);
  addLogs(program, context);
  addReboot(program, context);
  addUpdate(program, context);
  addApply(program, context);
  addCancel(program, context);
  addConfigure(program, context);

  program.commandsGroup("Hub:");
  const device = program.command("device").description("add, list, show and remove devices and modules of a hub");
  addDeviceAdd(device, context);
  addDeviceList(device, context);
  addDeviceShow(device, context);
  addDeviceRemove(device, context);
  addTwinCommands(program, context);

  program.commandsGroup("Signed images:");
  addRepoCommands(program, context);

  program.commandsGroup("Local hub:");
  addDemo(program, context, run);
  const hub = program.command("hub").description("a local hub for the Azure IoT SDKs, without a cloud account");
  addHubStart(hub, context);
  addHubStop(hub, context);
  addHubStatus(hub, context);
  addHubEvents(hub, context);
  addHubFault(hub, context);
  const image = program.command("image").description("publish firmware images, and serve them to devices over HTTPS");
  addImagePublish(image, context);
  addImageServe(image, context);
  return program;
}
