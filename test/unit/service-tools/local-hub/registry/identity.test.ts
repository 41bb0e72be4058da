import { describe, expect, it } from "vitest";
import {
  generationIdAt,
  identityEtag,
  parseIfMatch,
  twinEtag,
} from "../../../../../service-tools/local-hub/registry/identity.ts";

describe("etags", () => {
  it("count as those on record do", () => {
    // azure-sdk-for-net, DevicesClient_UpdateDevice_EtagDoesNotMatch: one write later it is OTQ1MjczNDU1.
    expect(identityEtag(945_273_454)).toBe("OTQ1MjczNDU0");
    expect(identityEtag(945_273_455)).toBe("OTQ1MjczNDU1");
    expect(twinEtag(1)).toBe("AAAAAAAAAAE=");
    expect(twinEtag(18)).toBe("AAAAAAAAABI=");
  });

  it.each<{ header: string | undefined; asked: ReturnType<typeof parseIfMatch> }>([
    { header: undefined, asked: undefined },
    { header: "", asked: undefined },
    { header: '""', asked: undefined },
    { header: "*", asked: "any" },
    { header: '"*"', asked: "any" },
    { header: '"AAAAAAAAAAE="', asked: { etag: "AAAAAAAAAAE=" } },
    { header: "AAAAAAAAAAE=", asked: { etag: "AAAAAAAAAAE=" } },
    { header: 'W/"AAAAAAAAAAE="', asked: { etag: "AAAAAAAAAAE=" } },
  ])("If-Match: $header", ({ header, asked }) => {
    expect(parseIfMatch(header)).toEqual(asked);
  });
});

describe("a generation id", () => {
  it("is in .NET ticks", () => {
    // azure-sdk-for-net, DevicesClient_DeviceTwinLifecycle: 637315714436756822 at 2020-07-28T22:17:23.6756822Z.
    expect(generationIdAt(Date.parse("2020-07-28T22:17:23.675Z"), 6822)).toBe("637315714436756822");
  });
});
