import { deviceConnectionString } from "../../hub-client/device-connection-string.ts";
import { nameOf, targetFlags, type HubAddress, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import type { World } from "../../cli/context.ts";
import { identityDocument } from "./show.ts";
import { quoted } from "../hub/folder.ts";
import { targetOf, type TargetOptions } from "../options.ts";
import { printResult } from "../result.ts";

/** `boardkeeper device add`: the connection string alone goes to stdout, so that a script can take it from there. */
export async function addDevice(world: World, client: HubClient, options: TargetOptions): Promise<void> {
  const { out, err } = world;
  const target = targetOf(options);
  const identity = await client.create(target);
  err.write(`Added ${nameOf(target)}. With its connection string anyone can be this board: keep it secret.\n`);
  printResult(out, options.output, {
    json: identityDocument(client.address, identity, true),
    text: `${deviceConnectionString(client.address, identity) ?? "It has no key: it shows a certificate."}\n`,
  });
  err.write(nextSteps(world, client.address, target));
}

function nextSteps({ env, programs }: World, address: HubAddress, target: Target): string {
  const flags = targetFlags(target);
  const home = env["BOARDKEEPER_HOME"];
  // Whoever set it for one command alone would miss it in the next.
  const before = address.isOurs && home ? `BOARDKEEPER_HOME=${quoted(home)} ` : "";
  // A simulated board finds the local hub's files by itself; for another hub it must be told.
  const simulated = address.isOurs
    ? `${before}${programs.agentTyped} run --simulate ${flags}`
    : `IOTHUB_DEVICE_CONNECTION_STRING='HostName=…' ${programs.agentTyped} run --simulate`;
  return `
Play a board with it on this machine, in a terminal of its own:
  ${simulated}
Or give it to a real board, where this asks for it and starts the agent:
  sudo boardkeeper-agent provision
All it takes is in README.md, "On a board".
Then:
  ${before}boardkeeper status ${flags}
`;
}
