import { expect, it } from "vitest";
import { deviceFileName as agentName } from "../../agent/lib/xdg.ts";
import { fileNameOf as hubName } from "../../service-tools/local-hub/lib/target.ts";

it.each<[string, string | undefined, string]>([
  ["board-1", undefined, "board-1"],
  ["board-1", "boardkeeper", "board-1~boardkeeper"],
  ["pole/1", "a~b", "pole%2F1~a~b"],
  [".", undefined, "%2E"],
  ["..", undefined, "%2E%2E"],
  ["..", "..", "..~.."],
  ["...", undefined, "..."],
  ["#".repeat(128), undefined, "sha256-855aa625aca8f0f6486cd1a9534c2016e4b8390b0eeace578b97bc5c19ce234b"],
])("%s and %s: the local hub and the agent name a file alike, and inside its folder", (deviceId, moduleId, name) => {
  expect(agentName(deviceId, moduleId)).toBe(name);
  expect(hubName({ deviceId, ...(moduleId === undefined ? {} : { moduleId }) })).toBe(name);
});
