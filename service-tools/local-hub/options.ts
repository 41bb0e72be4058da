import type { Agent } from "node:https";
import type { PolicyName } from "./auth/shared-access.ts";
import type { FaultControls } from "./faults/faults.ts";
import type { Clock } from "./lib/clock.ts";
import type { Log } from "./lib/log.ts";
import type { NetworkContext } from "./network/faulty-socket.ts";
import type { ListeningServer } from "./network/tls-frontend.ts";
import type { HubPorts } from "./storage/persisted-settings.ts";

/** Starts the server of the published images; `port` 0 takes a free one. */
type ImageServerStarter = (options: {
  readonly folder: string;
  readonly port: number;
  readonly certificate: string;
  readonly privateKey: string;
  readonly network: NetworkContext;
  readonly log: Log;
}) => Promise<ListeningServer>;

export interface LocalHubOptions {
  /** Holds everything that the hub saves. Created if it does not exist. */
  readonly folder: string;
  /** 0 takes a free port. A port that is left out is the one of the last start in this folder, at the first start a free one. */
  readonly ports?: Partial<HubPorts>;
  /** 8883 for MQTT and 443 for HTTPS, for clients whose port cannot be set. */
  readonly standardPorts?: boolean;
  readonly clock?: Clock;
  /** For faults that use chance: returns a number from 0 up to, but not including, 1. A seeded one makes runs repeatable. */
  readonly random?: () => number;
  readonly log?: Log;
  /** Starts the image server: `startImageServer` for the hub's own process, `startImageProcess` for another one. */
  readonly startImages: ImageServerStarter;
  /** True when `startImages` starts another process: faults cannot act on its network. */
  readonly imagesElsewhere?: boolean;
}

/** A running hub. */
export interface LocalHub {
  readonly folder: string;
  readonly ports: HubPorts;
  /** The host that clients connect to: `localhost`. */
  readonly hostName: string;
  /** The hub's own name, for `HostName=<hubName>;GatewayHostName=localhost:<port>`. */
  readonly hubName: string;
  /** The certificate of the hub's authority: its file, and its PEM text. */
  readonly caFile: string;
  readonly ca: string;
  /** Ends with a slash. */
  readonly imagesUrl: string;
  /** `HostName=localhost:<https port>;…`. azure-iothub takes no port: give it `localhost` and `httpsAgent()`. */
  serviceConnectionString(policy?: PolicyName): string;
  /** `HostName=localhost:<mqtt port>;…` of a registered device or module. */
  deviceConnectionString(deviceId: string, moduleId?: string): string;
  /** Registers a device with generated keys and returns its connection string. */
  addDevice(deviceId: string): Promise<string>;
  /** Registers a module of a device and returns its connection string. */
  addModule(deviceId: string, moduleId: string): Promise<string>;
  /** An HTTPS agent that connects to this hub's port, whatever port the URL has: for SDKs and WebSockets. */
  httpsAgent(): Agent;
  /** Adds and ends faults; docs/local-hub.md lists them. */
  readonly faults: FaultControls;
  /** Finishes pending writes, cuts all connections and unlocks the folder. */
  stop(): Promise<void>;
}
