import type { Command } from "commander";
import { messageObstacle } from "../../../agent/contract/message-obstacle.ts";
import {
  targetName,
  targetFlags,
  type HubAddress,
  type HubClient,
  type Target,
  deviceConnectionString,
} from "../../hub-client/hub-client.ts";
import { withHub, type Context } from "../../context.ts";
import { identityDocument } from "./show.ts";
import { shellQuote } from "../hub/folder.ts";
import { targetOf, withTargetOptions, type TargetOptions } from "../options.ts";
import { printResult } from "../../cli/output.ts";

/** `boardkeeper device add` */
export function addDeviceAdd(device: Command, context: Context): void {
  withTargetOptions(device.command("add"))
    .description("add a device, or a module of one, and print its connection string (a secret)")
    .action((options: TargetOptions) => withHub(context, options, (client) => addDevice(context, client, options)));
}

/** Only the connection string goes to standard output, so that a script can read it from there. */
async function addDevice(context: Context, client: HubClient, options: TargetOptions): Promise<void> {
  const { out, err } = context;
  const target = targetOf(options);
  const identity = await client.createIdentity(target);
  const obstacle = messageObstacle(targetName(target));
  if (obstacle !== null) err.write(`Warning: ${obstacle}\n`);
  err.write(`Added ${targetName(target)}. Anyone with its connection string can act as this board: keep it secret.\n`);
  printResult(out, options.output, {
    json: identityDocument(client.address, identity, true),
    text: `${deviceConnectionString(client.address, identity) ?? "It has no key; it authenticates with a certificate."}\n`,
  });
  err.write(nextSteps(context, client.address, target));
}

function nextSteps({ env, programs }: Context, address: HubAddress, target: Target): string {
  const flags = targetFlags(target);
  const home = env["BOARDKEEPER_HOME"];
  // It may have been set for this one command only.
  const before = address.isOwnLocalHub && home ? `BOARDKEEPER_HOME=${shellQuote(home)} ` : "";
  // A simulated board finds the files of the local hub itself. For another hub it needs a connection string.
  const simulated = address.isOwnLocalHub
    ? `${before}${programs.agentCommand} run --simulate ${flags}`
    : `IOTHUB_DEVICE_CONNECTION_STRING='HostName=…' ${programs.agentCommand} run --simulate`;
  return `
Simulate a board with it on this machine, in another terminal:
  ${simulated}
Or, on a real board, enter it at the prompt of:
  sudo boardkeeper-agent provision
README.md, "On a board", has all the steps.
Then:
  ${before}boardkeeper status ${flags}
`;
}
