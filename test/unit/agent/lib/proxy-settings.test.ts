import { describe, expect, it } from "vitest";
import { AgentError } from "../../../../agent/lib/errors.ts";
import { proxyForUrl, proxyName } from "../../../../agent/lib/proxy-settings.ts";

const server = new URL("https://images.example.com/a");

function hrefFor(url: string, environment: Record<string, string>): string | undefined {
  return proxyForUrl(new URL(url), environment)?.url.href;
}

describe("the proxy for a server", () => {
  it.each([
    [{}, undefined],
    [{ https_proxy: "http://p:3128" }, "http://p:3128/"],
    [{ https_proxy: "p:3128" }, "http://p:3128/"],
    [{ https_proxy: " p:3128\n" }, "http://p:3128/"],
    [{ https_proxy: "u:w@p:3128" }, "http://u:w@p:3128/"],
    [{ https_proxy: "https://p" }, "https://p/"],
    [{ https_proxy: "[::1]:3128" }, "http://[::1]:3128/"],
    [{ HTTPS_PROXY: "http://upper:1", https_proxy: "http://lower:1" }, "http://lower:1/"],
    [{ HTTPS_PROXY: "http://upper:1", https_proxy: "" }, "http://upper:1/"],
    [{ ALL_PROXY: "http://all:1" }, "http://all:1/"],
    [{ http_proxy: "http://p:1" }, undefined],
  ])("is by %j: %s", (environment, expected) => {
    expect(hrefFor(server.href, environment)).toBe(expected);
  });

  it.each([
    ["https://a", { https_proxy: "p", all_proxy: "q" }, "https_proxy"],
    ["https://a", { HTTPS_PROXY: "p" }, "HTTPS_PROXY"],
    ["https://a", { http_proxy: "p", all_proxy: "q" }, "all_proxy"],
    ["https://a", { ALL_PROXY: "p" }, "ALL_PROXY"],
    ["http://a", { http_proxy: "p", https_proxy: "q" }, "http_proxy"],
  ])("is told with the variable that names it: for %s by %j, %s", (url, environment, variable) => {
    expect(proxyForUrl(new URL(url), environment)?.variable).toBe(variable);
  });

  it.each([
    ["'http://p:3128'", "quotation marks"],
    ['"http://p:3128', "quotation marks"],
    ["socks5://p:1080", "the kind socks5"],
    ["ftp://p", "the kind ftp"],
    ["http://[::1:3128", "brackets"],
    ["http://p:99999", "port"],
    ["http://p:abc", "port"],
    ["http://p:0", "port 0"],
    ["http://", "not the address"],
    ["http://user:100%@p:1", "%25"],
    ["http://user:%ff@p:1", "%25"],
  ])("is told in words where the variable holds %s", (value, word) => {
    const act = (): unknown => proxyForUrl(server, { https_proxy: value });
    expect(act).toThrow(AgentError);
    expect(act).toThrow(word);
    expect(act).toThrow(/^https_proxy .*Set it to http:\/\/host:port/);
  });

  it("names the variable, and never the password", () => {
    const act = (): unknown => proxyForUrl(server, { ALL_PROXY: "http://user:secret@[bad" });
    expect(act).toThrow(/^ALL_PROXY is not/);
    expect(act).not.toThrow(/secret/);
    expect(proxyName(new URL("http://user:secret@p"))).toBe("p:80");
    expect(proxyName(new URL("https://p"))).toBe("p:443");
    expect(proxyName(new URL("http://[::1]:3128"))).toBe("[::1]:3128");
  });
});

describe("no_proxy", () => {
  it.each([
    ["https://a.example.com", "*", true],
    ["https://a.example.com", "other, *", true],
    ["https://a.example.com", "a.example.com", true],
    ["https://a.example.com", "A.Example.COM", true],
    ["https://a.example.com", "example.com", true],
    ["https://a.example.com", ".example.com", true],
    ["https://example.com", ".example.com", true],
    ["https://a.example.com", "*.example.com", true],
    ["https://a.example.com.", "example.com", true],
    ["https://badexample.com", "example.com", false],
    ["https://badexample.com", ".example.com", false],
    ["https://a.example.com", "example.com:443", true],
    ["https://a.example.com", "example.com:8443", false],
    ["http://a.example.com", "example.com:80", true],
    ["https://a.example.com:8443", "b c,example.com:8443", true],
    ["https://10.1.2.3", "10.0.0.0/8", true],
    ["https://11.1.2.3", "10.0.0.0/8", false],
    ["https://10.1.2.3", "10.1.2.3", true],
    ["https://10.1.2.3", "10.1.2.3:443", true],
    ["https://10.1.2.3", "10.1.2.3:80", false],
    ["https://10.1.2.3", "2.3", false],
    ["https://10.1.2.3", "10.0.0.0/33", false],
    ["https://10.1.2.3", "10.0.0.0/", false],
    ["https://10.1.2.3", "0.0.0.0/0", true],
    ["https://[::1]", "::1", true],
    ["https://[::1]", "[::1]", true],
    ["https://[::1]:8443", "[::1]:8443", true],
    ["https://[::1]", "[::1]:8443", false],
    ["https://[::1]", "0:0:0:0:0:0:0:1", true],
    ["https://[fd00::5]", "fd00::/8", true],
    ["https://[fe80::5]", "fd00::/8", false],
    ["https://[fd00::5]", "10.0.0.0/8", false],
    ["https://a.example.com", "", false],
    ["https://a.example.com", ".", false],
    ["https://a.example.com", "10.0.0.0/8", false],
  ])("%s is excluded by '%s': %s", (url, exceptions, isExcluded) => {
    const found = hrefFor(url, { all_proxy: "http://p:1", no_proxy: exceptions });
    expect(found === undefined).toBe(isExcluded);
  });
});
