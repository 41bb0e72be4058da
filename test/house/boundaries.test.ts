import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { filesIn, importsOf } from "./sources.ts";

/** An import that the house does not allow, and why. `from` and `to` match project paths, package names or node:… names. */
interface Wall {
  readonly from: RegExp;
  readonly to: RegExp;
  readonly except?: RegExp;
  readonly why: string;
}

/** Files that take facts and return decisions. */
const pure =
  /^agent\/(contract\/|(update|reboot)\/(image-address|image-name|install-cancelled|job|job-changes|lease|machine|recover|trust-gate|trust-refusal|validate-request|update-snapshot|reboot-snapshot|request-decisions|declared-operation|desired-firmware-decisions|inhibited-message)\.ts$|download\/(failure-outcome|image-size|mirror-policy|not-an-image|partial-metadata|resume-decisions|retry-after|token-bucket)\.ts$|maintenance\/window\.ts$|config\/(board-config|connection-string|last-known-good-format|launch-options|parse-settings|paths|remote-config-decisions|setting-types|settings)\.ts$|telemetry\/(metrics|health-alerts|health-message|report-policy)\.ts$|hub\/(clock-offset|reconnect-policy|connection-error|address|connection)\.ts$|twin\/(progress-throttle|refused-reports|reporting-status)\.ts$|cli\/(doctor\/(?!access-check|diagnose-hub)|format\/)|state\/ports\.ts$|operations\/(agent-state|startup-alerts|remembered-operations|blocking|history)\.ts$|watchdog\/(stall-limits|status-line|stall-detector)\.ts$|board\/(local-api\/protocol|probes\/facts)\.ts$|lib\/(backoff|disk-errors|errors|file-errors)\.ts$)/;

/** The same on the operator's side. */
const decided =
  /^service-tools\/(boards\/(?!invoke-method)|watch\/(?!follow|tty-progress|plain-progress)|cli\/units\.ts$|demo\/twin-excerpt\.ts$|hub-client\/(hub-client|hub-errors|error-response)\.ts$)/;

const walls: Wall[] = [
  {
    from: pure,
    to: /^node:|^[@a-z]/,
    except: new RegExp(`^valibot$|${pure.source}`),
    why: "pure files import pure files only: a decision that reads the disk, the clock or chance cannot be tested by a table",
  },
  {
    from: /^agent\/trust\//,
    to: /^node:|^[@a-z]/,
    except: /^node:crypto$|^@tufjs\/models$|^agent\/trust\/|^agent\/lib\/errors\.ts$|^agent\/contract\//,
    why: "daemon and root verify metadata by the same code, which gets bytes and a time, and asks neither disk nor network nor clock",
  },
  {
    from: /^agent\/(?!main\.ts$|adapters\.ts$|cli\/|board\/|install-helper\/|hub\/azure-connection\.ts$)/,
    to: /^agent\/(board\/(?!local-api\/protocol)|hub\/azure-connection\.ts$|main\.ts$|adapters\.ts$)/,
    why: "the core knows ports, not adapters: only main.ts, adapters.ts and the commands make them, so that every fault can be played by a fake",
  },
  {
    from: /^agent\/install-helper\//,
    to: /^agent\//,
    except:
      /^agent\/(install-helper|helper-protocol|contract|trust|lib)\/|^agent\/update\/(job|ports|install-script)\.ts$|^agent\/config\/(paths|board-config)\.ts$|^agent\/board\/(fs\/(files|disk)|hardware\/(clocks|boot)|installers\/exec-script|trust\/(?!metadata-cache))/,
    why: "root's install helper imports nothing that reads what the daemon could change: its settings, its state, its cache",
  },
  {
    from: /^agent\/(?!install-helper\/)/,
    to: /^agent\/install-helper\//,
    why: "the daemon knows the protocol of root's install helper and nothing else of it: that program runs as another user, from another file",
  },
  {
    from: /^agent\/board\//,
    to: /^agent\/board\//,
    except:
      /^agent\/board\/(simulator\/|hardware\/boot|fs\/(files|disk)|image\/(body-chunks|direct-writer|reused-reads|partial-file)|probes\/(facts|user)|local-api\/protocol|systemd\/helper-session|trust\/(board-config-file|board-names|board-trust|metadata-cache|own-files|root-owned|trust-folder))/,
    why: "adapters import ports and libraries, never each other: each can be replaced alone",
  },
  {
    from: /^agent\//,
    to: /^service-tools\//,
    why: "the agent ships alone to boards",
  },
  {
    from: /^agent\//,
    to: /^(azure-iothub|aedes|fastify|commander|ws|@peculiar\/x509)$/,
    why: "service-side packages must not ride along to boards",
  },
  {
    from: /^service-tools\//,
    to: /^agent\//,
    except: /^agent\/contract\//,
    why: "the operator's side shares the contract with the agent and nothing else",
  },
  {
    from: decided,
    to: /^node:|^[@a-z]/,
    except: new RegExp(`^agent/contract/|^service-tools/cli/(errors|exit-codes)\\.ts$|${decided.source}`),
    why: "what a twin means and what to say of it is decided without a clock, a disk or a hub, so that tables can test it",
  },
  {
    from: /^service-tools\/(?!cli\.ts$)/,
    to: /^service-tools\/hub-client\/azure-hub-client\.ts$/,
    why: "the commands know the port to a hub, not its adapter: only cli.ts wires them",
  },
  {
    from: /^service-tools\/local-hub\//,
    to: /^agent\//,
    why: "the local hub checks the agent independently: a topic misread in shared code would go unnoticed",
  },
  {
    from: /^(agent\/|service-tools\/(?!repo\/verify\.ts$))/,
    to: /^tuf-js/,
    why: "the reference client gives `repo verify` a second opinion, and stays with its packages out of everything else",
  },
  {
    from: /^service-tools\//,
    to: /^azure-iot-device(-mqtt)?$/,
    why: "the tools speak as a service; the device side is the agent's",
  },
];

describe("who may import whom", () => {
  const all = importsOf(filesIn("agent", "service-tools"));

  it("sees the imports of the project", () => {
    expect(all.length).toBeGreaterThan(0);
  });

  it("nobody imports a file outside of the project: on another machine it is not there", () => {
    const everywhere = importsOf(filesIn("agent", "service-tools", "systemd", "test"));
    expect(everywhere.filter(({ to }) => to === "" || to.startsWith(".."))).toEqual([]);
  });

  it.each(["node-cron", "systeminformation"])(
    "%s is loaded only where it is needed: it costs a board memory",
    (name) => {
      const files = readdirSync("agent", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
      const sources = files.map((file) => readFileSync(join("agent", file), "utf8"));
      expect(sources.filter((source) => source.includes(`import("${name}")`)).length).toBe(1);
      const eager = new RegExp(`import (?!type )[^;]*from "${name}"`);
      expect(sources.filter((source) => eager.test(source))).toStrictEqual([]);
    },
  );

  it("the verifier of metadata is loaded where there is a trust root: the agent of a board without one does without", () => {
    const daemon = filesIn("agent").filter((path) => !/^agent\/(trust|install-helper|cli)\//.test(path));
    const verifier =
      /import (?!type )[^;]*from "[^"]*\/trust\/(?!ports|select-target|board-trust|trust-gate|board-config-file|board-names|metadata-|own-files|root-owned|trust-folder)[\w-]+\.ts"/;
    expect(daemon.filter((path) => verifier.test(readFileSync(path, "utf8")))).toStrictEqual([]);
    const light = importsOf(["agent/trust/ports.ts", "agent/trust/select-target.ts"]).map(({ to }) => to);
    expect(light.filter((to) => to === "@tufjs/models" || !to.startsWith("agent/"))).toStrictEqual([]);
    const later = daemon.filter((path) =>
      /import\("[^"]*\/trust\/cached-metadata\.ts"\)/.test(readFileSync(path, "utf8")),
    );
    expect(later).toStrictEqual(["agent/board/trust/trust-gate.ts"]);
  });

  it("packages that are CommonJS are loaded later by their default: a bundle in pieces knows no other export of theirs", () => {
    const sources = readdirSync("agent", { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join("agent", file), "utf8"))
      .join("\n");
    const later = [...sources.matchAll(/\{([^{}\n]*)\} = await import\("([^."]+)"\)/g)].map(
      ([, names = "", name = ""]) => ({ names: names.trim(), name }),
    );
    const isCommonJs = (name: string): boolean => {
      const { type, exports } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as Record<
        string,
        unknown
      >;
      return type !== "module" && !JSON.stringify(exports ?? {}).includes('"import"');
    };
    expect(later.map(({ name }) => name)).toContain("systeminformation");
    expect(later.filter(({ names, name }) => isCommonJs(name) && !/^default: \w+$/.test(names))).toStrictEqual([]);
  });

  it.each(walls)("$why", ({ from, to, except }) => {
    const offences = all
      .filter((one) => from.test(one.from) && to.test(one.to) && !except?.test(one.to))
      .map((one) => `${one.from} imports ${one.to}`);
    expect(offences).toEqual([]);
  });
});
