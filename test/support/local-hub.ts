import { onTestFinished } from "vitest";
import { startImageServer } from "../../service-tools/images/server.ts";
import { startLocalHub } from "../../service-tools/local-hub/start.ts";
import type { LocalHub, LocalHubOptions } from "../../service-tools/local-hub/options.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A hub of this test alone, on free ports, stopped when the test is over. */
export async function testHub(options: Partial<LocalHubOptions> = {}): Promise<LocalHub> {
  const hub = await startLocalHub({
    startImages: startImageServer,
    folder: options.folder ?? (await temporaryFolder()),
    ...options,
  });
  onTestFinished(() => hub.stop());
  return hub;
}

/** A hub with these devices and, as `board-1/agent`, modules. */
export async function hubWith(
  identities: readonly string[],
  options: Partial<LocalHubOptions> = {},
): Promise<LocalHub> {
  const hub = await testHub(options);
  for (const identity of identities) {
    const [deviceId = "", moduleId] = identity.split("/");
    await (moduleId === undefined ? hub.addDevice(deviceId) : hub.addModule(deviceId, moduleId));
  }
  return hub;
}
