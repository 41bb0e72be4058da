import { describe, expect, it } from "vitest";
import { unimpaired, nothingInFlight, transmit } from "../../../../../service-tools/local-hub/network/link-model.ts";
import type { LinkConditions, InFlight } from "../../../../../service-tools/local-hub/network/link-model.ts";

const never = (): number => 0.999;
const always = (): number => 0;

interface Row {
  readonly what: string;
  readonly link: Partial<LinkConditions>;
  readonly inFlight?: Partial<InFlight>;
  readonly bytes?: number;
  readonly chance?: () => number;
  readonly arrivesMs: number;
}

describe("a piece that is sent at 1000", () => {
  it.each<Row>([
    { what: "arrives at once on an unimpaired link", link: {}, arrivesMs: 1000 },
    { what: "arrives late by the delay", link: { delayMs: 250 }, arrivesMs: 1250 },
    { what: "arrives late by a part of the jitter", link: { jitterMs: 100 }, chance: () => 0.5, arrivesMs: 1050 },
    { what: "stalls with bad luck", link: { stallPercent: 10, stallMs: 700 }, chance: always, arrivesMs: 1700 },
    { what: "does not stall with good luck", link: { stallPercent: 10, stallMs: 700 }, arrivesMs: 1000 },
    { what: "takes longer with little bandwidth", link: { bytesPerS: 1000 }, bytes: 500, arrivesMs: 1500 },
    {
      what: "waits until the sender is free",
      link: { bytesPerS: 1000 },
      inFlight: { busyUntilMs: 3000 },
      bytes: 500,
      arrivesMs: 3500,
    },
    { what: "does not overtake", link: { delayMs: 10 }, inFlight: { lastArrivalMs: 1600 }, arrivesMs: 1600 },
    {
      what: "is subject to everything together",
      link: { delayMs: 10, stallPercent: 100, stallMs: 200, bytesPerS: 1000 },
      bytes: 100,
      arrivesMs: 1310,
    },
  ])("$what", ({ link, inFlight, bytes = 1, chance = never, arrivesMs }) => {
    const before = { ...nothingInFlight, ...inFlight };
    expect(transmit(before, { ...unimpaired, ...link }, 1000, bytes, chance).lastArrivalMs).toBeCloseTo(arrivesMs, 6);
  });
});
