import type { HelperInstaller } from "../../agent/install-helper/installers/installer.ts";
import type { HelperPorts } from "../../agent/install-helper/ports.ts";
import { overriding } from "../support/overriding.ts";
import { hasName } from "./disk-state.ts";
import { epochOf, helperFolder } from "./helper-state.ts";
import type { Scheduler } from "./scheduler.ts";

/* Helpers of root that do something too early, by halves or not at all: the invariants have to catch each of them. */

type FaultyHelper = (real: HelperPorts, scheduler: Scheduler) => HelperPorts;

/** Changes something of the installer inside the helper. */
function withInstaller(ports: HelperPorts, change: (real: HelperInstaller) => Partial<HelperInstaller>): HelperPorts {
  return {
    ...ports,
    findInstaller: async (name, limitMs) => {
      const real = await ports.findInstaller(name, limitMs);
      return real && { ...real, ...change(real) };
    },
  };
}

/** Takes the part of a copy that has arrived for a copy that is whole. */
const takingPartForWhole: FaultyHelper = (ports, { environment }) => ({
  ...ports,
  copies: overriding(ports.copies, {
    findWhole: async (image, signal) => {
      const part = `${helperFolder}/${image.sha256}.b${environment.board.boots}.part`;
      return hasName(environment.disk, part) ? part : await ports.copies.findWhole(image, signal);
    },
  }),
});

/** Remembers in its process alone what it has written to its end. */
const forgettingLedger: FaultyHelper = (ports) => {
  const written = new Set<string>();
  return {
    ...ports,
    ledger: overriding(ports.ledger, {
      setWritten: async (target, installer) => {
        written.add(target.sha256);
        await ports.ledger.setWritten(target, installer);
      },
      latest: async () => {
        const latest = await ports.ledger.latest();
        return latest !== undefined && written.has(latest.sha256) ? latest : undefined;
      },
    }),
  };
};

/** What each does, with how many faults it shows, and what is said of it. */
export const faultyHelpers: readonly (readonly [mistake: string, faults: number, why: string, make: FaultyHelper])[] = [
  [
    "raises the floor before it commits",
    0,
    "The floor is 2, and 1.0.0 is what was committed last.",
    (ports) =>
      withInstaller(ports, (real) => ({
        commit: async (image, signal) => {
          await ports.trust.raiseFloor(epochOf(image.version));
          await real.commit(image, signal);
        },
      })),
  ],
  [
    "raises no floor",
    0,
    "2.0.0 is reported as completed, and the floor is 1.",
    (ports) => ({ ...ports, trust: { ...ports.trust, raiseFloor: async () => undefined } }),
  ],
  [
    "says that it has installed before it has",
    0,
    "2.0.0 is armed, and was not installed to its end.",
    (ports) => withInstaller(ports, () => ({ install: async () => undefined })),
  ],
  [
    "says that it has committed before it has",
    0,
    "The floor is 2, and 1.0.0 is what was committed last.",
    (ports) => withInstaller(ports, () => ({ commit: async () => undefined })),
  ],
  ["takes a part of a copy for the whole", 1, "was handed to the installer, and is not the image.", takingPartForWhole],
  ["forgets its ledger with its process", 1, "op-1 ended as", forgettingLedger],
];
