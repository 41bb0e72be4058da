import { describe, expect, it } from "vitest";
import { audienceCovers, isHubName } from "../../../../../service-tools/local-hub/auth/token.ts";

const names = { hosts: ["localhost", "127.0.0.1", "::1", "hub.test"], ports: [18_883, 18_443] };

describe("the names of a hub", () => {
  it.each([
    ["localhost", true],
    ["LocalHost", true],
    ["localhost:18883", true],
    ["localhost:18443", true],
    ["127.0.0.1:18883", true],
    ["::1", true],
    ["[::1]", true],
    ["[::1]:18883", true],
    ["hub.test", true],
    ["localhost:443", false],
    ["localhost:", false],
    ["localhost:18883:18883", false],
    ["other.azure-devices.net", false],
    ["hub.test.evil.example", false],
    ["", false],
  ])("%s: %s", (text, expected) => {
    expect(isHubName(text, names)).toBe(expected);
  });
});

describe("the audience of a token", () => {
  const path = ["devices", "Board-1", "modules", "agent"];

  it.each([
    ["localhost", "the whole hub", true],
    ["localhost/devices", "all devices", true],
    ["localhost/devices/Board-1", "the device", true],
    ["localhost:18883/devices/Board-1/modules/agent", "the module itself, with the port", true],
    ["localhost/devices/board-1", "lower case, as older SDKs sign", true],
    ["localhost/devices/Board-1/", "a slash at the end", true],
    ["localhost/devices/Board", "a prefix by character, not by segment", false],
    ["localhost/devices/Board-1/modules/other", "another module", false],
    ["localhost/devices/Board-1/modules/agent/x", "something below it", false],
    ["localhost/twins/Board-1", "another path", false],
    ["elsewhere/devices/Board-1", "another hub", false],
    ["localhost:1/devices/Board-1", "another port", false],
  ])("%s (%s): %s", (audience, _what, expected) => {
    expect(audienceCovers(audience, path, names)).toBe(expected);
  });
});
