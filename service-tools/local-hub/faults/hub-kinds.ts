import { kinds } from "./kind.ts";
import { choice, range } from "./parameters.ts";

/** Faults of the hub as a whole. */
export const hubKinds = kinds({
  restart: {
    summary:
      "All connections end, and the ports are closed for so long; the hub comes back with its sessions or without.",
    like: "a failover or an update of IoT Hub, a crash of this one",
    on: ["mqtt", "websockets", "rest"],
    acts: "now",
    forOne: false,
    parameters: {
      downMs: range(0, 86_400_000, [0, 5_000], 1_000),
      how: choice("close", "reset"),
      sessions: choice("kept", "lost"),
    },
  },
});
