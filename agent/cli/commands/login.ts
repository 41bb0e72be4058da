import packageJson from "../../../package.json" with { type: "json" };
import type { LoginFacts } from "../doctor/login.ts";
import type { HubAddress } from "../../hub/address.ts";
import { connectToAzure } from "../../hub/azure-connection.ts";
import { classifyError } from "../../hub/connection-error.ts";
import { createLog } from "../../lib/log.ts";

const patienceMs = 15_000;

/**
 * Connects to the hub as the agent does, reads the twin and goes. A connection that is there with the same identity ends:
 * to be tried only where the agent has none.
 */
export async function tryLogin(address: HubAddress, ca: string | undefined): Promise<LoginFacts> {
  const log = createLog("error", { write: () => undefined }); // What is to be said, the finding says.
  const productInfo = `boardkeeper-agent/${packageJson.version} doctor`;
  const signal = AbortSignal.timeout(patienceMs);
  let connection;
  try {
    connection = await connectToAzure({ address, ca, productInfo, log }, signal);
  } catch (cause) {
    const { kind: trouble, message } = classifyError(cause, "connect");
    return { kind: "failed", trouble, message };
  }
  try {
    const lost = connection.lost.then((cause) => Promise.reject(cause));
    await Promise.race([connection.readTwin(), lost]);
    return { kind: "connected" };
  } catch (cause) {
    const { kind: trouble, message } = classifyError(cause, "twin");
    return { kind: "no-twin", trouble, message };
  } finally {
    await connection.close();
  }
}
