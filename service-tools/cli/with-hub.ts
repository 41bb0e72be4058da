import type { LoginOptions } from "./find-login.ts";
import type { HubClient } from "../hub-client/hub-client.ts";
import type { World } from "./context.ts";

/** Does something with the hub that the options name, and lets go of it afterwards. */
export async function withHub<T>(
  world: World,
  options: LoginOptions,
  act: (client: HubClient) => Promise<T>,
): Promise<T> {
  const client = await world.connect(world, options);
  try {
    return await act(client);
  } finally {
    client.close();
  }
}
