import { describe, expect, it } from "vitest";
import { checkProxy, checkProxySetting } from "../../../../../agent/cli/doctor/proxy.ts";

const set = { name: "p:3128", variable: "https_proxy" };

describe("doctor, about a proxy", () => {
  it("finds one that opens tunnels", () => {
    expect(checkProxy(set, null, true)).toMatchObject({ level: "ok", what: "p:3128 opens tunnels" });
    expect(checkProxy(set, null, false).what).toContain("MQTT over TCP uses no proxy");
  });

  it("finds one that refuses: a fault of the link, or a warning about downloads", () => {
    const upper = { name: "p:3128", variable: "ALL_PROXY" };
    expect(checkProxy(upper, "the proxy p:3128 refuses", true)).toMatchObject({
      level: "fault",
      advice: expect.stringContaining("Correct ALL_PROXY and no_proxy"),
    });
    expect(checkProxy(set, "the proxy p:3128 refuses", false)).toMatchObject({
      level: "warning",
      advice: expect.stringContaining("Correct https_proxy and no_proxy"),
    });
  });

  it("finds a mistake in the variable, with what to do", () => {
    const found = checkProxySetting("https_proxy is wrong. Set it to http://host:port.", true);
    expect(found).toStrictEqual({
      check: "proxy",
      level: "fault",
      what: "https_proxy is wrong",
      advice: "Set it to http://host:port",
    });
    expect(checkProxySetting("https_proxy is wrong. Set it.", false)).toMatchObject({ level: "warning" });
  });
});
