import { deviceConnectionString } from "../hub-client/device-connection-string.ts";
import { nameOf, targetFlags, type HubClient, type Target } from "../hub-client/hub-client.ts";
import type { World } from "../world.ts";
import { identityDocument } from "./device-show.ts";
import { targetOf, type TargetOptions } from "./options.ts";
import { printResult } from "./result.ts";

/** `boardkeeper device add`: the connection string alone goes to stdout, so that a script can take it from there. */
export async function addDevice({ out, err }: World, client: HubClient, options: TargetOptions): Promise<void> {
  const target = targetOf(options);
  const identity = await client.create(target);
  err.write(`Added ${nameOf(target)}. With its connection string anyone can be this board: keep it secret.\n`);
  printResult(out, options.output, {
    json: identityDocument(client.address, identity, true),
    text: `${deviceConnectionString(client.address, identity) ?? "It has no key: it shows a certificate."}\n`,
  });
  err.write(nextSteps(client, target));
}

function nextSteps({ address }: HubClient, target: Target): string {
  const flags = targetFlags(target);
  // A simulated board finds the local hub's files by itself; for another hub it must be told.
  const simulated = address.isOurs
    ? `boardkeeper-agent run --simulate ${flags}`
    : "IOTHUB_DEVICE_CONNECTION_STRING='HostName=…' boardkeeper-agent run --simulate";
  return `
Play a board with it on this machine, in a terminal of its own:
  ${simulated}
Or give it to a real board: there, put the connection string into a file of
mode 0600, name that file as hub.connection-string-file in
/etc/boardkeeper/agent.toml, and start boardkeeper-agent run.
Then:
  boardkeeper status ${flags}
`;
}
