import { Command } from "commander";
import type { Program } from "../../images/process.ts";
import type { Output } from "../../cli/output.ts";
import { hubEventsCommand } from "./events.ts";
import { hubFaultCommand } from "./fault.ts";
import { hubStartCommand } from "./start.ts";
import { hubStatusCommand } from "./status.ts";
import { hubStopCommand } from "./stop.ts";

export function hubCommand(output: Output, program: Program): Command {
  return new Command("hub")
    .description("a local hub that the Azure IoT SDKs connect to, with no cloud account")
    .addCommand(hubStartCommand(output, program))
    .addCommand(hubStopCommand(output))
    .addCommand(hubStatusCommand(output))
    .addCommand(hubEventsCommand(output))
    .addCommand(hubFaultCommand(output));
}
