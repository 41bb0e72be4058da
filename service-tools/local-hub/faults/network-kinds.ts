import { kinds, choice, range } from "./fault-kind.ts";

const everywhere = ["mqtt", "websockets", "rest", "images"] as const;
const direction = choice("both", "to-hub", "to-client");

/** Faults of the network between a client and the hub. WebSockets and REST share a port: a fault of the port affects both. */
export const networkKinds = kinds({
  refuse: {
    summary: "The port is closed: new connections get ECONNREFUSED. Open connections stay.",
    like: "a hub or a gateway that is down, a firewall that rejects",
    on: everywhere,
    acts: "port",
    forOne: false,
    parameters: {},
  },
  certificate: {
    summary: "New connections get a certificate that no client should trust. Open connections stay.",
    like:
      "a board without a battery-backed clock, for which a valid certificate is not yet valid; a certificate that was not renewed; " +
      "a proxy or a captive portal that answers instead of the hub",
    on: everywhere,
    acts: "occasion",
    forOne: false,
    parameters: { flaw: choice("not-yet-valid", "expired", "other-name", "unknown-authority") },
  },
  "accept-reset": {
    summary: "New connections are accepted and reset (RST) at once. With a device: as soon as CONNECT names it.",
    like: "a load balancer without a back end, a firewall that inspects traffic",
    on: everywhere,
    acts: "occasion",
    forOne: true,
    parameters: {},
  },
  reset: {
    summary: "The open connections are reset (RST).",
    like: "a gateway that was replaced, a NAT that lost its table",
    on: everywhere,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  close: {
    summary: "The open connections are closed (FIN).",
    like: "a front end of IoT Hub that is taken out of service for an update",
    on: everywhere,
    acts: "now",
    forOne: true,
    parameters: {},
  },
  "black-hole": {
    summary:
      "Bytes are lost and connections stay open. When it ends, connections that lost bytes are dead (dead), or the bytes arrive as " +
      "after a retransmission (late). New connections open, since the kernel accepts them, and get no answer.",
    like: "an unplugged cable, a radio link without reception, a NAT that dropped the connection",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, after: choice("dead", "late") },
  },
  latency: {
    summary: "Bytes arrive late and in order.",
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
    summary: "Some pieces of the stream stall, and everything after them waits.",
    like: "lost packets: TCP sends them again after its retransmission timeout (RFC 6298: 1 s at first)",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, percent: range(0, 100, [5, 50], 20), stallMs: range(1, 600_000, [200, 3_000], 1_000) },
  },
  bandwidth: {
    summary: "The throughput is limited.",
    like: "GPRS, a shared line, a provider that throttles at the end of the month",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, bytesPerS: range(1, 1_000_000_000, [1_000, 100_000], 10_000) },
  },
  "cut-after": {
    summary:
      "The connection is reset (RST) or closed (FIN) after so many bytes, counted from the fault's first hit on it.",
    like: "a proxy with a size limit, a link that breaks in the middle of a packet",
    on: everywhere,
    acts: "connection",
    forOne: true,
    parameters: { direction, bytes: range(0, 1_000_000_000, [0, 20_000], 5_000), how: choice("reset", "close") },
  },
});
