import { describe, expect, it } from "vitest";
import { unimpaired, nothingInFlight, transmit } from "../../../../../service-tools/local-hub/network/link-model.ts";
import type { LinkConditions, InFlight } from "../../../../../service-tools/local-hub/network/link-model.ts";

const never = (): number => 0.999;
const always = (): number => 0;

interface Row {
  readonly what: string;
  readonly road: Partial<LinkConditions>;
  readonly traffic?: Partial<InFlight>;
  readonly bytes?: number;
  readonly chance?: () => number;
  readonly arrivesMs: number;
}

describe("a piece that is sent at 1000", () => {
  it.each<Row>([
    { what: "arrives at once on a clear road", road: {}, arrivesMs: 1000 },
    { what: "arrives late by the delay", road: { delayMs: 250 }, arrivesMs: 1250 },
    { what: "arrives late by a part of the jitter", road: { jitterMs: 100 }, chance: () => 0.5, arrivesMs: 1050 },
    { what: "stalls when it is hit", road: { stallPercent: 10, stallMs: 700 }, chance: always, arrivesMs: 1700 },
    { what: "does not when it is not", road: { stallPercent: 10, stallMs: 700 }, arrivesMs: 1000 },
    { what: "takes its time on a narrow road", road: { bytesPerS: 1000 }, bytes: 500, arrivesMs: 1500 },
    {
      what: "waits until the road is free",
      road: { bytesPerS: 1000 },
      traffic: { busyUntilMs: 3000 },
      bytes: 500,
      arrivesMs: 3500,
    },
    { what: "does not overtake", road: { delayMs: 10 }, traffic: { lastArrivalMs: 1600 }, arrivesMs: 1600 },
    {
      what: "meets everything together",
      road: { delayMs: 10, stallPercent: 100, stallMs: 200, bytesPerS: 1000 },
      bytes: 100,
      arrivesMs: 1310,
    },
  ])("$what", ({ road, traffic, bytes = 1, chance = never, arrivesMs }) => {
    const before = { ...nothingInFlight, ...traffic };
    expect(transmit(before, { ...unimpaired, ...road }, 1000, bytes, chance).lastArrivalMs).toBeCloseTo(arrivesMs, 6);
  });
});
