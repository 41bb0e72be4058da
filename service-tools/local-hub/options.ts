import type { NetworkContext } from "./network/faulty-socket.ts";
import type { ListeningServer } from "./network/tls-frontend.ts";
import type { Clock } from "./lib/clock.ts";
import type { PolicyName } from "./auth/policies.ts";
import type { HubPorts } from "./storage/persisted-settings.ts";
import type { Log } from "./lib/log.ts";
import type { FaultControls } from "./faults/faults.ts";
import type { Agent } from "node:https";

/** Starts the server of the published images; `port` 0 means a free one. */
type ImageServerStarter = (options: {
  readonly folder: string;
  readonly port: number;
  readonly certificate: string;
  readonly privateKey: string;
  readonly network: NetworkContext;
  readonly log: Log;
}) => Promise<ListeningServer>;

export interface LocalHubOptions {
  /** Where everything that the hub keeps lies. Made if it is not there. */
  readonly folder: string;
  /** 0 is a free port. What is left out is as at the last start in this folder; at the first start, free. */
  readonly ports?: Partial<HubPorts>;
  /** 8883 for MQTT and 443 for HTTPS, for clients that can be given no port. */
  readonly standardPorts?: boolean;
  readonly clock?: Clock;
  /** For faults that leave something to chance: answers from 0 up to, and never, 1. A seeded one repeats itself. */
  readonly random?: () => number;
  readonly log?: Log;
  /** How to serve images; left out, the hub's own process does. */
  readonly startImages?: ImageServerStarter;
  /** `startImages` starts another process, which has a network of its own that faults cannot reach. */
  readonly imagesElsewhere?: boolean;
}

/** A running hub. */
export interface LocalHub {
  readonly folder: string;
  readonly ports: HubPorts;
  /** What clients connect to: `localhost`. */
  readonly hostName: string;
  /** The hub's own name, for `HostName=<hubName>;GatewayHostName=localhost:<port>`. */
  readonly hubName: string;
  /** The certificate of the hub's authority: its file, and its PEM text. */
  readonly caFile: string;
  readonly ca: string;
  /** Ends in a slash. */
  readonly imagesUrl: string;
  /** `HostName=localhost:<https port>;…`. azure-iothub takes no port: give it `localhost` and `httpsAgent()`. */
  serviceConnectionString(policy?: PolicyName): string;
  /** `HostName=localhost:<mqtt port>;…` of a registered device or module. */
  deviceConnectionString(deviceId: string, moduleId?: string): string;
  /** Registers a device with keys of the hub's making and answers its connection string. */
  addDevice(deviceId: string): Promise<string>;
  /** Registers a module of a device and answers its connection string. */
  addModule(deviceId: string, moduleId: string): Promise<string>;
  /** An agent that takes a client of `https://localhost` to this hub, whatever port it asks for: SDKs, WebSockets. */
  httpsAgent(): Agent;
  /** Switches faults on and off; docs/local-hub.md lists them. */
  readonly faults: FaultControls;
  /** Writes what is still to be written, cuts all connections and gives the folder free. */
  stop(): Promise<void>;
}
