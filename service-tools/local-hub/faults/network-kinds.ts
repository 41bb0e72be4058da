import { kinds } from "./kind.ts";
import { choice, range } from "./parameters.ts";

const everywhere = ["mqtt", "websockets", "rest", "images"] as const;
const direction = choice("both", "to-hub", "to-client");

/** Faults of the network between a client and the hub. WebSockets and REST share a port, so what acts on a port acts on both. */
export const networkKinds = kinds({
  refuse: {
    summary: "The port is closed: whoever comes gets ECONNREFUSED. Connections that are there stay.",
    like: "a hub or a gateway that is down, a firewall that rejects",
    on: everywhere,
    acts: "port",
    forOne: false,
    parameters: {},
  },
  certificate: {
    summary: "Whoever comes is shown a certificate that is not to be trusted. Connections that are there stay.",
    like:
      "a board with no clock of its own, to which a good certificate is from the future; a certificate that nobody renewed; a proxy or " +
      "a captive portal that answers in the hub's place",
    on: everywhere,
    acts: "occasion",
    forOne: false,
    parameters: { flaw: choice("not-yet-valid", "expired", "other-name", "unknown-authority") },
  },
  "accept-reset": {
    summary: "Connections are taken and reset (RST) at once; those of one device, as soon as it says who it is.",
    like: "a load balancer with nobody behind it, a middlebox that forbids what it has understood",
    on: everywhere,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  reset: {
    summary: "The connections that are there are reset (RST).",
    like: "a gateway that was replaced, a NAT that answers for what it has forgotten",
    on: everywhere,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  close: {
    summary: "The connections that are there are closed (FIN).",
    like: "a front end of IoT Hub that is taken out of service for an update",
    on: everywhere,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  "black-hole": {
    summary:
      "Bytes vanish and connections stay. When it is over, those that lost bytes are dead, or get them late, as after a retransmission. " +
      "New connections open (the system answers for the hub) and hear nothing.",
    like: "a cable that was pulled, a radio link without reception, a NAT that has forgotten the connection",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, after: choice("dead", "late") },
  },
  latency: {
    summary: "Bytes arrive late, in their order.",
    like: "a satellite or a mobile link",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: {
      direction,
      delayMs: range(0, 600_000, [20, 2_000], 200),
      jitterMs: range(0, 600_000, [0, 500], 0),
    },
  },
  loss: {
    summary: "Some of the pieces that bytes travel in stall, and all that follow wait for them.",
    like: "lost packets: TCP sends them again after its retransmission timeout (RFC 6298: a second at first)",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, percent: range(0, 100, [5, 50], 20), stallMs: range(1, 600_000, [200, 3_000], 1_000) },
  },
  bandwidth: {
    summary: "So many bytes in a second, and no more.",
    like: "GPRS, a shared line, a provider's throttle at the end of the month",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, bytesPerS: range(1, 1_000_000_000, [1_000, 100_000], 10_000) },
  },
  "cut-after": {
    summary:
      "The connection is reset (RST) or closed (FIN) when so many bytes have gone over it since it was taken hold of.",
    like: "a proxy with a limit, a link that breaks in the middle of a packet",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, bytes: range(0, 1_000_000_000, [0, 20_000], 5_000), how: choice("reset", "close") },
  },
});
