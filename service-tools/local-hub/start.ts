import { randomUUID } from "node:crypto";
import { Agent } from "node:https";
import { join, resolve } from "node:path";
import type { Policies } from "./auth/policies.ts";
import type { AuthContext } from "./auth/authorize.ts";
import { systemClock } from "./lib/clock.ts";
import { deviceConnectionString, serviceConnectionString } from "./auth/connection-strings.ts";
import { ContextFiles } from "./storage/context-files.ts";
import { DeviceMessages } from "./gateway/device-messages.ts";
import { Faults } from "./faults/faults.ts";
import type { FaultControls } from "./faults/faults.ts";
import { endpoints } from "./faults/scope.ts";
import { registerRestartFault } from "./faults/restart.ts";
import { knownIdentity, revokeSessionsOnChange } from "./gateway/revoke-sessions.ts";
import { targetName } from "./registry/ids.ts";
import type { Target } from "./registry/ids.ts";
import { loadPolicies } from "./storage/persisted-settings.ts";
import type { HubPorts } from "./storage/persisted-settings.ts";
import { silentLog } from "./lib/log.ts";
import { MethodCalls } from "./methods/calls.ts";
import { authenticate } from "./gateway/admission.ts";
import type { KnownIdentity } from "./gateway/admission.ts";
import { Broker } from "./gateway/broker.ts";
import { Authenticator } from "./gateway/authenticate.ts";
import { SessionStore } from "./gateway/sessions.ts";
import type { LocalHub, LocalHubOptions } from "./options.ts";
import type { Tracking } from "./lib/error-response.ts";
import { DeviceFiles } from "./registry/device-files.ts";
import { Registry } from "./registry/registry.ts";
import { openServers } from "./network/servers.ts";
import type { HubContext } from "./rest/hub-context.ts";
import { ShutdownStack } from "./shutdown-stack.ts";
import { makePrivateFolder, removeTemporaryFiles } from "./storage/atomic-file.ts";
import { lockHubFolder } from "./storage/folder-lock.ts";
import { TelemetryStore } from "./telemetry/store.ts";
import type { KeyedCertificate } from "./tls/certificates.ts";
import { flawedCertificate, loadCredentials } from "./tls/credentials.ts";
import type { Credentials } from "./tls/credentials.ts";
import type { Flaw } from "./tls/flawed.ts";

const HOST_NAME = "localhost";
/** The hub's own name; `.test` is nobody's (RFC 6761). */
const HUB_NAME = "local-hub.boardkeeper.test";
/** Starts an emulator of Azure IoT Hub on this machine alone, as it was when it was last stopped or killed. */
export async function startLocalHub(options: LocalHubOptions): Promise<LocalHub> {
  const folder = resolve(options.folder);
  await makePrivateFolder(folder);
  const lock = await lockHubFolder(folder);
  const ending = new ShutdownStack();
  ending.add(() => lock.release());
  try {
    return await start(
      { ...options, folder },
      (end) => ending.add(end),
      () => ending.run(),
    );
  } catch (error) {
    await ending.run();
    throw error;
  }
}

async function start(
  options: LocalHubOptions,
  atEnd: (end: () => Promise<void>) => void,
  stop: () => Promise<void>,
): Promise<LocalHub> {
  const { folder, clock = systemClock, random = Math.random, log = silentLog } = options;
  const state = join(folder, "state");
  await removeTemporaryFiles(folder);
  const credentials = await loadCredentials(folder, [HOST_NAME, HUB_NAME], clock.nowMs());
  const policies = await loadPolicies(folder);

  const registry = new Registry(new DeviceFiles(join(state, "devices")), clock, HUB_NAME);
  const sessions = new SessionStore(join(state, "sessions.json"));
  const telemetry = new TelemetryStore(join(state, "telemetry.jsonl"), clock, log);
  await Promise.all([registry.load(), sessions.load(), telemetry.load()]);
  atEnd(() => registry.flush());
  atEnd(() => sessions.flush());
  atEnd(() => telemetry.flush());

  const openPorts: number[] = [];
  const names = { hosts: [HOST_NAME, "127.0.0.1", "::1", HUB_NAME], ports: openPorts };
  const around = (): AuthContext => ({ names, policies, nowMs: clock.nowMs() });
  const reach = options.imagesElsewhere === true ? endpoints.filter((one) => one !== "images") : endpoints;
  const faults = new Faults(clock, log, reach);
  const find = (target: Target): KnownIdentity | undefined => knownIdentity(registry, target);
  const doorkeeper = new Authenticator((request) => authenticate(request, find, around()), sessions, faults);
  const link = new Broker(sessions, doorkeeper, { clock, faults, log });
  const methods = new MethodCalls(link, clock, faults);
  const tracking = (): Tracking => ({ id: randomUUID().replaceAll("-", ""), atMs: clock.nowMs() });
  const deviceSide = new DeviceMessages({
    link,
    registry,
    methods,
    telemetry,
    clock,
    faults,
    hubName: HUB_NAME,
    tracking,
    log,
  });
  registerRestartFault(faults, () => sessions.clear());
  await link.start(deviceSide);
  atEnd(() => link.stop());

  const common = { hubName: HUB_NAME, names, policies, registry, connections: link, methods, telemetry };
  const services: HubContext = { ...common, deviceMessages: deviceSide, clock, faults, tracking, log };
  const flawed = async (flaw: Flaw): Promise<KeyedCertificate> =>
    flawedCertificate(folder, [HOST_NAME, HUB_NAME], flaw, clock.nowMs());
  const network = { faults, clock, random, flawedCertificate: flawed };
  const { ports, controlPort } = await openServers({
    options,
    services,
    broker: link,
    credentials,
    network,
    openPorts,
    atEnd,
  });
  const contexts = new ContextFiles(folder, credentials.caFile, { ...ports, control: controlPort }, registry);
  await contexts.writeAll(policies);
  revokeSessionsOnChange(registry, link, sessions, contexts, policies);
  return handle(folder, credentials, policies, ports, registry, faults, stop);
}

function handle(
  folder: string,
  { ca, caFile }: Credentials,
  policies: Policies,
  ports: HubPorts,
  registry: Registry,
  faults: FaultControls,
  stop: () => Promise<void>,
): LocalHub {
  const connectionString = (target: Target): string => {
    const key = registry.find(target)?.identity.authentication.symmetricKey.primaryKey;
    if (key === undefined || key === null) throw new Error(`The local hub has no '${targetName(target)}' with a key.`);
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
