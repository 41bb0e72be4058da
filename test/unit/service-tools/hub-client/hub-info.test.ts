import { homedir } from "node:os";
import { describe, expect, it } from "vitest";
import { boardkeeperHome } from "../../../../agent/lib/xdg.ts";
import { defaultHubFolder } from "../../../../service-tools/hub-client/hub-info.ts";

describe("the local hub's folder", () => {
  it.each([
    { env: { BOARDKEEPER_HOME: "/var/bk" }, folder: "/var/bk/hub" },
    { env: { BOARDKEEPER_HOME: "/var/bk", XDG_STATE_HOME: "/state" }, folder: "/var/bk/hub" },
    { env: { BOARDKEEPER_HOME: "", XDG_STATE_HOME: "/state" }, folder: "/state/boardkeeper/hub" },
    { env: { XDG_STATE_HOME: "relative/is/ignored" }, folder: `${homedir()}/.local/state/boardkeeper/hub` },
    { env: {}, folder: `${homedir()}/.local/state/boardkeeper/hub` },
    { env: { BOARDKEEPER_HOME: "relative" }, folder: `${process.cwd()}/relative/hub` },
  ])("$env, for the tools and for simulated boards", ({ env, folder }) => {
    expect(defaultHubFolder(env)).toBe(folder);
    expect(`${boardkeeperHome(env)}/hub`).toBe(folder);
  });
});
