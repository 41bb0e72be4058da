import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { HttpsSource } from "../../../agent/board/image/https-source.ts";
import { createTrustGate } from "../../../agent/board/trust/trust-gate.ts";
import { simulatedTrustPaths } from "../../../agent/config/paths.ts";
import { AgentError } from "../../../agent/lib/errors.ts";
import { metadataAttacks, victim, type MetadataAttack } from "../../fixtures/attacks/metadata.ts";
import { attackedHelper, treeOf } from "../../support/attacked-helper.ts";
import { fakeRuntime } from "../../support/fake-runtime.ts";
import { metadata } from "../../support/helper-words.ts";
import { imageServer } from "../../support/image-server.ts";
import { servesRepository } from "../../support/signed-board.ts";
import { SkippingTime } from "../../support/skipping-time.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { daysLater, TufRepository } from "../../support/tuf-repository.ts";

/* Each attack on metadata, twice: by a repository's server towards the agent, and by a taken-over agent towards root's helper. */

describe("as the repository's server, the agent's metadata is not attacked by", () => {
  it.each(metadataAttacks)("$attack: $code", async (attack) => {
    const { publisher, folder, refresh } = await agentsGate(attack);
    const before = await treeOf(folder);
    attack.forge(publisher);
    expect(await refresh()).toBe(attack.code);
    const after = await treeOf(folder);
    expect(changes(before, after, attack)).toStrictEqual({ isChanged: attack.code === "ok" });
  });

  it("an endless file: it is cut off at 64 KB, and nothing is kept", async () => {
    const { folder, refresh, server } = await agentsGate();
    const before = await treeOf(folder);
    server.answer = ({ url = "" }, response) => {
      if (!url.endsWith("timestamp.json")) return void response.writeHead(404).end();
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, " ")));
      };
      response.on("drain", more);
      more();
    };
    expect(await refresh()).toBe("metadata-too-large");
    expect(await treeOf(folder)).toStrictEqual(before);
  });

  it("headers, encodings and redirects that a server makes up", async () => {
    const { folder, refresh, server } = await agentsGate();
    const before = await treeOf(folder);
    const answers: (readonly [code: string, headers: Record<string, string>, status?: number])[] = [
      ["bad-response", { "x-huge": "x".repeat(100_000) }],
      ["bad-response", { "content-encoding": "gzip" }],
      ["bad-response", { location: "file:///etc/passwd" }, 302],
      ["too-many-redirects", { location: "/round" }, 302],
      ["http-status", {}, 401],
    ];
    for (const [code, headers, status = 200] of answers) {
      server.answer = (_request, response) => void response.writeHead(status, headers).end("{}");
      expect([await refresh(), headers]).toStrictEqual([code, headers]);
    }
    expect(await treeOf(folder)).toStrictEqual(before);
  });
});

describe("as the daemon's user, root's trust store is not attacked by", () => {
  it.each(metadataAttacks)("$attack: $code", async (attack) => {
    const { publisher, session, store, written } = await attackedHelper(attack);
    const before = await written();
    attack.forge(publisher);
    const { ask } = await session();
    const answer = await ask(metadata(publisher.files));
    const isRefused = attack.code !== "ok";
    expect(answer).toMatchObject(isRefused ? { error: { code: attack.code } } : { trust: { floor: 0 } });
    expect(changes(before, await written(), attack)).toStrictEqual({ isChanged: !isRefused });
    expect((await store.load())?.record.floor).toBe(0);
  });
});

/**
 * Whether files changed; but, where roots were rightly signed, for those that roots are in, and for what is gone from the agent's cache
 * because these roots have withdrawn its keys.
 */
function changes(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
  { keepsRoots = false }: Pick<MetadataAttack, "keepsRoots"> | { keepsRoots?: boolean },
): { isChanged: boolean } {
  const isOfRoots = (name: string): boolean => /root\.json$|^store\/metadata|^\/trust\/|record/.test(name);
  const isWithdrawn = (name: string): boolean =>
    /metadata\/(timestamp|\d+\.[^/]+)\.json$/.test(name) && !(name in after);
  const counts = (name: string): boolean => !keepsRoots || !(isOfRoots(name) || isWithdrawn(name));
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return { isChanged: [...names].some((name) => counts(name) && before[name] !== after[name]) };
}

/** The agent's gate over a real web server and the files of a simulated board, which has read what is published. */
async function agentsGate({ before, days = 1, refuseStale }: Partial<MetadataAttack> = {}) {
  const folder = await temporaryFolder();
  const publisher = new TufRepository({ boards: { [victim]: ["1.0.0"], other: ["3.0.0"] } });
  const server = await imageServer(servesRepository(publisher), { tls: false });
  const paths = simulatedTrustPaths(folder);
  await mkdir(paths.store, { recursive: true });
  await writeFile(paths.seed, publisher.file("1.root.json"), { mode: 0o600 });
  const config = `board.compatible = ${victim}\n${refuseStale === true ? "update.refuse-stale = yes\n" : ""}`;
  await writeFile(paths.boardConfig, config, { mode: 0o600 });
  let today = 0;
  const wallClock = { now: () => daysLater(today), synchronized: () => Promise.resolve(true) };
  const runtime = fakeRuntime({ wallClock, timer: new SkippingTime(20_000) });
  const http = new HttpsSource({ allowHttp: true, ca: undefined, userAgent: "test" });
  const settings = { stateDir: folder, repository: `${server.origin}/repository`, installer: "simulated" } as const;
  const gate = await createTrustGate(settings, { runtime, http, simulated: true, agentVersion: "1.2.0" });
  const refresh = async (version = "2.0.0"): Promise<string> => {
    try {
      await gate.resolve({ version, sha256: null, sizeBytes: null }, () => undefined, new AbortController().signal);
      return "ok";
    } catch (cause) {
      if (!(cause instanceof AgentError)) throw cause;
      return cause.code;
    }
  };
  before?.(publisher);
  expect(await refresh("1.0.0")).toBe("ok");
  today = days;
  return { publisher, folder, refresh, server };
}
