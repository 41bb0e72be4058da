import { Command } from "commander";
import type { Program } from "../images/process.ts";
import type { Output } from "../output.ts";
import { hubEventsCommand } from "./hub-events.ts";
import { hubFaultCommand } from "./hub-fault.ts";
import { hubStartCommand } from "./hub-start.ts";
import { hubStatusCommand } from "./hub-status.ts";
import { hubStopCommand } from "./hub-stop.ts";

export function hubCommand(output: Output, program: Program): Command {
  return new Command("hub")
    .description("a local hub that the Azure IoT SDKs connect to, with no cloud account")
    .addCommand(hubStartCommand(output, program))
    .addCommand(hubStopCommand(output))
    .addCommand(hubStatusCommand(output))
    .addCommand(hubEventsCommand(output))
    .addCommand(hubFaultCommand(output));
}
