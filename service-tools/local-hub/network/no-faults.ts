import type { Clock } from "../lib/clock.ts";
import { Faults } from "../faults/faults.ts";
import type { Log } from "../lib/log.ts";
import type { NetworkContext } from "./faulty-socket.ts";

/** A network in which nothing ever goes wrong: nobody can add a fault to it. */
export function networkWithoutFaults(clock: Clock, log: Log): NetworkContext {
  return {
    faults: new Faults(clock, log, []),
    clock,
    random: () => 0,
    flawedCertificate: async () => Promise.reject(new Error("A network without faults has no flawed certificates.")),
  };
}
