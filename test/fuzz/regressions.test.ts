import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "../../agent/config/load.ts";
import { check } from "../../agent/contract/check.ts";
import { redact } from "../../agent/contract/safe-text.ts";
import { planReboot } from "../../agent/reboot/validate-request.ts";
import { noUsage, partialMetadata } from "../../agent/download/partial-metadata.ts";
import { parseUpdateRequest } from "../../agent/update/validate-request.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/* Each input that broke a property once, by name. */

async function problemsOf(toml: string, deviceFiles: readonly string[] = [], deviceId?: string): Promise<string> {
  const home = await temporaryFolder();
  const configFile = join(home, "agent.toml");
  await writeFile(configFile, toml);
  const folder = join(home, "hub", "devices");
  await mkdir(folder, { recursive: true });
  for (const name of deviceFiles) await writeFile(join(folder, name), "{}");
  const around = { env: { BOARDKEEPER_HOME: home }, configFile, simulate: true, deviceId, moduleId: undefined };
  const loaded: unknown = await loadConfig({ ...around, stateDir: undefined }).catch((cause: unknown) => cause);
  return loaded instanceof ConfigError ? loaded.message : `no ConfigError, but ${String(loaded)}`;
}

describe("a config", () => {
  it.each([
    ["a table where a size belongs", "update.keep-free = { toString = 1 }", "update.keep-free: expected a size"],
    ["a list where a size belongs", 'update.keep-free = ["5"]', "update.keep-free: expected a size"],
    ["a size beyond what a number holds", 'update.keep-free = "9999999999 TiB"', "update.keep-free: expected a size"],
    ["a key that JavaScript takes for something else", "__proto__ = 1", "__proto__ is not a setting"],
  ])("refuses %s", async (_what, toml, problem) => {
    expect(await problemsOf(toml)).toContain(problem);
  });

  it("repeats no secret that stands where a key or a value belongs", async () => {
    const problems = await problemsOf('"sig=abc" = 1\nupdate.keep-free = "http://images.example/x?token=abc"');
    expect(problems).toContain("sig=[secret] is not a setting");
    expect(problems).not.toContain("abc");
  });

  it("repeats no secret that was given for a device id", async () => {
    expect(await problemsOf("", [], "HostName=h;DeviceId=d;SharedAccessKey=abc")).not.toContain("abc");
  });

  it("passes over a file among the devices' that no hub has written", async () => {
    expect(await problemsOf("", ["%zz.json"])).toContain("device: there is none");
  });
});

describe("a secret is not repeated", () => {
  it.each(['SharedAccessKey="abc"', "sig='abc'", String.raw`{\"x\":\"sig=\\\"abc\\\"\"}`])("%s", (text) => {
    expect(redact(text)).not.toContain("abc");
  });

  it("in the reason of a reboot, which the twin shows", () => {
    const terms = { now: new Date(0), clockSynchronized: true, window: null };
    const plan = planReboot({ reason: `${"see ".repeat(44)}https://x.example/?abc` }, terms, "op-1");
    expect(plan).toMatchObject({ ok: true, value: { job: { reason: expect.stringMatching(/^see .*…$/) } } });
    expect(JSON.stringify(plan)).not.toContain("abc");
  });

  it("when the message that holds it is cut short", () => {
    const terms = { simulated: false, canInstall: true, allowHttp: false, windowConfigured: false } as const;
    const fwPackageCheckValue = `https://user:abc${"x".repeat(80)}@images.example/`;
    const payload = { fwPackageUri: "https://images.example/", fwPackageCheckValue };
    const validated = parseUpdateRequest(
      payload,
      "method",
      { ...terms, maxImageBytes: 1, trust: "digest", repository: null },
      "op-1",
    );
    expect(JSON.stringify(validated)).toContain("fwPackageCheckValue: expected");
    expect(JSON.stringify(validated)).not.toContain("abc");
  });
});

it("the longest address that a redirect can lead to is noted with the bytes that came from it", () => {
  const source = { address: `https://images.example/${"%C3%BC".repeat(16_000)}`, validator: '"v1"' };
  const record = { schema: 1, bootId: "b", syncedBytes: 5, totalBytes: 9, source, spent: noUsage("op-1") };
  expect(check(partialMetadata, record).ok).toBe(true);
});
