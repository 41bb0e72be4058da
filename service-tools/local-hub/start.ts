import { randomUUID } from "node:crypto";
import { Agent } from "node:https";
import { join, resolve } from "node:path";
import type { AuthContext } from "./auth/authorize.ts";
import { deviceConnectionString, serviceConnectionString } from "./auth/shared-access.ts";
import type { Policies } from "./auth/shared-access.ts";
import { endpoints } from "./faults/fault-kind.ts";
import { Faults, registerRestartFault } from "./faults/faults.ts";
import type { FaultControls } from "./faults/faults.ts";
import { Authenticator, authenticate, knownIdentity } from "./gateway/authenticate.ts";
import { Broker } from "./gateway/broker.ts";
import { methodTransport } from "./gateway/device-connections.ts";
import { DeviceMessages } from "./gateway/device-messages.ts";
import { revokeSessionsOnChange } from "./gateway/revoke-sessions.ts";
import { SessionStore } from "./gateway/sessions.ts";
import { systemClock } from "./lib/clock.ts";
import type { Tracking } from "./lib/error-response.ts";
import { silentLog } from "./lib/log.ts";
import { targetName } from "./lib/target.ts";
import type { Target } from "./lib/target.ts";
import { MethodCalls } from "./methods/calls.ts";
import type { LocalHub, LocalHubOptions } from "./options.ts";
import { DeviceFiles } from "./registry/device-files.ts";
import { Registry } from "./registry/registry.ts";
import type { HubContext } from "./rest/hub-context.ts";
import { openServers } from "./servers.ts";
import { ShutdownStack } from "./shutdown-stack.ts";
import { makePrivateFolder, removeTemporaryFiles } from "./storage/atomic-file.ts";
import { ContextFiles } from "./storage/context-files.ts";
import { lockHubFolder } from "./storage/folder-lock.ts";
import { loadPolicies } from "./storage/persisted-settings.ts";
import type { HubPorts } from "./storage/persisted-settings.ts";
import { TelemetryStore } from "./telemetry/store.ts";
import type { Flaw, KeyedCertificate } from "./tls/certificates.ts";
import { flawedCertificate, loadCredentials } from "./tls/credentials.ts";
import type { Credentials } from "./tls/credentials.ts";

const HOST_NAME = "localhost";
/** The hub's own name. `.test` is reserved (RFC 6761). */
const HUB_NAME = "local-hub.boardkeeper.test";
const SERVER_NAMES = [HOST_NAME, HUB_NAME];

/** Starts an emulator of Azure IoT Hub on this machine only, with the state in its folder from earlier starts. */
export async function startLocalHub(options: LocalHubOptions): Promise<LocalHub> {
  const folder = resolve(options.folder);
  await makePrivateFolder(folder);
  const lock = await lockHubFolder(folder);
  const shutdown = new ShutdownStack();
  shutdown.add(() => lock.release());
  try {
    return await start({ ...options, folder }, shutdown);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function start(options: LocalHubOptions, shutdown: ShutdownStack): Promise<LocalHub> {
  const { folder, clock = systemClock, random = Math.random, log = silentLog } = options;
  const stateFolder = join(folder, "state");
  await removeTemporaryFiles(folder);
  const credentials = await loadCredentials(folder, SERVER_NAMES, clock.nowMs());
  const policies = await loadPolicies(folder);

  const registry = new Registry(new DeviceFiles(join(stateFolder, "devices")), clock, HUB_NAME);
  const sessions = new SessionStore(join(stateFolder, "sessions.json"));
  const telemetry = new TelemetryStore(join(stateFolder, "telemetry.jsonl"), clock, log);
  await Promise.all([registry.load(), sessions.load(), telemetry.load()]);
  shutdown.add(() => registry.flush());
  shutdown.add(() => sessions.flush());
  shutdown.add(() => telemetry.flush());

  const reachable = options.imagesElsewhere === true ? endpoints.filter((one) => one !== "images") : endpoints;
  const faults = new Faults(clock, log, reachable);
  registerRestartFault(faults, () => sessions.clear());

  const openPorts: number[] = [];
  const names = { hosts: [HOST_NAME, "127.0.0.1", "::1", HUB_NAME], ports: openPorts };
  const authContext = (): AuthContext => ({ names, policies, nowMs: clock.nowMs() });
  const authenticator = new Authenticator(
    (request) => authenticate(request, (target) => knownIdentity(registry, target), authContext()),
    sessions,
    faults,
  );
  const broker = new Broker(sessions, authenticator, { clock, faults, log });
  const methods = new MethodCalls(methodTransport(broker), clock, faults);
  const tracking = (): Tracking => ({ id: randomUUID().replaceAll("-", ""), atMs: clock.nowMs() });
  const common = { hubName: HUB_NAME, registry, connections: broker, methods, telemetry, clock, faults, tracking, log };
  const deviceMessages = new DeviceMessages(common);
  await broker.start(deviceMessages);
  shutdown.add(() => broker.stop());

  const context: HubContext = { ...common, names, policies, deviceMessages };
  const flawed = async (flaw: Flaw): Promise<KeyedCertificate> =>
    flawedCertificate(folder, SERVER_NAMES, flaw, clock.nowMs());
  const { ports, controlPort } = await openServers({
    options,
    context,
    broker,
    credentials,
    network: { faults, clock, random, flawedCertificate: flawed },
    openPorts,
    onShutdown: (step) => shutdown.add(step),
  });
  const contextFiles = new ContextFiles(folder, credentials.caFile, { ...ports, control: controlPort }, registry);
  await contextFiles.writeAll(policies);
  revokeSessionsOnChange(registry, broker, sessions, contextFiles, policies);
  return runningHub(folder, credentials, policies, ports, registry, faults, () => shutdown.run());
}

function runningHub(
  folder: string,
  { ca, caFile }: Credentials,
  policies: Policies,
  ports: HubPorts,
  registry: Registry,
  faults: FaultControls,
  stop: () => Promise<void>,
): LocalHub {
  const connectionString = (target: Target): string => {
    const key = registry.primaryKey(target);
    if (key === undefined) throw new Error(`The local hub has no '${targetName(target)}' with a key.`);
    return deviceConnectionString(`${HOST_NAME}:${ports.mqtt}`, target, key);
  };
  return {
    folder,
    ports,
    hostName: HOST_NAME,
    hubName: HUB_NAME,
    caFile,
    ca,
    imagesUrl: `https://${HOST_NAME}:${ports.images}/`,
    serviceConnectionString: (policy = "iothubowner") =>
      serviceConnectionString(`${HOST_NAME}:${ports.https}`, policy, policies[policy].primaryKey),
    deviceConnectionString: (deviceId, moduleId) =>
      connectionString(moduleId === undefined ? { deviceId } : { deviceId, moduleId }),
    addDevice: async (deviceId) => {
      await registry.createDevice(deviceId, {});
      return connectionString({ deviceId });
    },
    addModule: async (deviceId, moduleId) => {
      await registry.createModule(deviceId, moduleId, {});
      return connectionString({ deviceId, moduleId });
    },
    httpsAgent: () => new Agent({ port: ports.https, ca, keepAlive: true }),
    faults,
    stop,
  };
}
