import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addApply } from "./commands/boards/apply.ts";
import { addCancel } from "./commands/boards/cancel.ts";
import { addConfigure } from "./commands/boards/configure.ts";
import { addDemo } from "./commands/demo.ts";
import { addDeviceCommands } from "./commands/device/device.ts";
import { hubCommand } from "./commands/hub/hub.ts";
import { imageCommand } from "./commands/image/image.ts";
import { addLogs } from "./commands/boards/logs.ts";
import { addReboot } from "./commands/boards/reboot.ts";
import { addStatus } from "./commands/boards/status.ts";
import { addTwinCommands } from "./commands/boards/twin.ts";
import { addUpdate } from "./commands/boards/update.ts";
import { addWatch } from "./commands/boards/watch.ts";
import { outputOf, type Run, type World } from "./cli/context.ts";

const firstMinutes = `
First minutes, on this machine alone:
  boardkeeper demo                       all of it played, in half a minute
  boardkeeper hub start                  a local hub; leave it running
  boardkeeper device add -d board-1      a device, and what to type to play it
  boardkeeper status -d board-1          how the board is
  boardkeeper reboot -d board-1 --wait   a reboot, followed to its proof

With Azure IoT Hub instead, name it with --login, or once for all commands:
  export IOTHUB_CONNECTION_STRING="HostName=…;SharedAccessKeyName=…;…"

boardkeeper COMMAND --help explains each command.`;

/** The commands, in a world. `run` runs further command lines, as the demo types them. */
export function buildProgram(world: World, run: Run): Command {
  const program = new Command("boardkeeper")
    .description("Reboots and updates boards through Azure IoT Hub, or through a local hub, and proves what it did.")
    .version(packageJson.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this")
    // An update has a --version of its own.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError("  Add --help to see what there is.")
    .configureOutput({
      writeOut: (text) => world.out.write(text),
      writeErr: (text) => world.err.write(text),
      getOutHelpWidth: () => Math.min(world.out.columns, 110),
      getErrHelpWidth: () => Math.min(world.err.columns, 110),
      getOutHasColors: () => world.out.hasColour,
      getErrHasColors: () => world.err.hasColour,
      outputError: (text, write) => write(text.replace(/^error: /, "boardkeeper: ")),
    })
    .addHelpText("after", firstMinutes);

  program.commandsGroup("Boards:");
  addStatus(program, world);
  addWatch(program, world);
  addLogs(program, world);
  addReboot(program, world);
  addUpdate(program, world);
  addApply(program, world);
  addCancel(program, world);
  addConfigure(program, world);
  program.commandsGroup("Hub:");
  addDeviceCommands(program, world);
  addTwinCommands(program, world);
  program.commandsGroup("Local hub:");
  const output = outputOf(world);
  addDemo(program, world, run);
  program.addCommand(hubCommand(output, world.programs.cli)).addCommand(imageCommand(output));
  for (const command of program.commands) inherit(program, command);
  return program;
}

/** Commands that were made elsewhere speak and end as those made here. */
function inherit(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inherit(command, child);
}
