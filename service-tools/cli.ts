#!/usr/bin/env node
import { Command } from "commander";

const program = new Command("boardkeeper").description(
  "Reboots and updates boards through Azure IoT Hub, or through a local hub on this machine.",
);
await program.parseAsync();
