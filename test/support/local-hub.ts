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
