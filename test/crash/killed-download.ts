import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Gate } from "../support/gate.ts";
import { imageServer, testImage } from "../support/image-server.ts";
import { testHub } from "../support/local-hub.ts";
import { boardProcess } from "../support/processes.ts";
import { randomFrom } from "../support/random.ts";
import { bytesRead, bytesUnread, halt } from "../support/reads.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { refusingDirectWrites } from "./refused-direct-writes.ts";
import { at } from "../support/paths.ts";
import { ServiceApp } from "../support/service-app.ts";

/**
 * How much the server writes at a time, and how far ahead of the board's disk: not far, as a link does that is slower than a
 * disk, or all it can, in small parts or, for whole pieces to come without a pause, in large ones.
 */
const links = {
  slow: { partBytes: 16 * 1_024, aheadBytes: 64 * 1_024 },
  fast: { partBytes: 16 * 1_024, aheadBytes: Infinity },
  bursts: { partBytes: 3 * 2 ** 20, aheadBytes: Infinity },
} as const;

export interface KilledDownload {
  readonly sizeBytes: number;
  /** What the server has sent, over all requests, with what the kernels between it and the agent have held. */
  readonly sentBytes: number;
  /**
   * What the agent has read from the server, over all its lives. Of those that were killed it is all that the kernel gave
   * them to read after their request had arrived: what TLS and the hub have said counts too.
   */
  readonly readBytes: number;
  /** What had arrived at the board at each kill and was not read yet: it is sent once more. */
  readonly unreadBytes: number;
  readonly kills: number;
  readonly phase: unknown;
  readonly version: unknown;
}

export interface KillOrder {
  readonly times: number;
  readonly seed: number;
  readonly link: keyof typeof links;
  /** Whether the board's disk does no direct writes. */
  readonly refusesDirectWrites?: boolean;
}

/**
 * A real agent updates itself from a server on this machine, and is killed with SIGKILL each time when a seeded number of
 * bytes has left the server. Its board starts it again.
 */
export async function downloadKilled(
  sizeBytes: number,
  { times, seed, link, refusesDirectWrites = false }: KillOrder,
): Promise<KilledDownload> {
  const { partBytes, aheadBytes } = links[link];
  const random = randomFrom(seed);
  const points = Array.from({ length: times }, () => Math.floor(random() * (sizeBytes - partBytes)));
  points.sort((a, b) => a - b);
  const hub = await testHub();
  const image = testImage(sizeBytes);
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  const server = await imageServer(() => undefined);
  const port = Number(new URL(server.origin).port);
  await writeFile(caFile, server.ca);
  const board = await boardProcess(hub, "board-1", { BOARDKEEPER_UPDATE_CA_FILE: caFile });
  const part = join(board.folder, "state", "staging", `${image.sha256}.part`);
  const agent = board.start(refusesDirectWrites ? { NODE_OPTIONS: `--import ${refusingDirectWrites}` } : {});
  let [sentBytes, readBytes, unreadBytes, kills] = [0, 0, 0, 0];
  let linesSeen = 0;
  /** Each request comes from another process: the one before was killed. */
  const pidOfNext = async (): Promise<number> => {
    const line = await agent.line({ msg: "agent started" }, { after: linesSeen });
    linesSeen = agent.lines.indexOf(line) + 1;
    return Number(line["pid"]);
  };
  /** Held until the call is answered: a killed agent answers nobody. */
  const answered = new Gate();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const closed = once(response, "close");
    const pid = await pidOfNext();
    await answered.pass();
    const readBefore = await bytesRead(pid);
    let sentTo = startOf(request, response, sizeBytes);
    while (sentTo < sizeBytes) {
      if (sentTo >= (points[kills] ?? Infinity)) {
        kills += 1;
        await halt(pid);
        readBytes += (await bytesRead(pid)) - readBefore;
        unreadBytes += await bytesUnread(port);
        process.kill(pid, "SIGKILL");
        await closed;
        return;
      }
      if (sentTo - (await sizeOf(part)) >= aheadBytes) continue;
      const piece = image.content.subarray(sentTo, sentTo + partBytes);
      sentTo += piece.length;
      sentBytes += piece.length;
      if (!response.write(piece)) await Promise.race([once(response, "drain"), closed]);
    }
    response.end();
  };
  server.answer = (request, response) => void answer(request, response);
  await agent.line({ msg: "connected to the hub" });
  const service = new ServiceApp(hub);
  await service.callMethod("firmwareUpdate", {
    fwPackageUri: `${server.origin}/board.img`,
    fwPackageCheckValue: image.sha256,
    fwVersion: "2.0.0",
  });
  answered.open();
  const reported = await service.untilReported("boardkeeper.update.endedAt", (time) => time !== undefined);
  const { fromNetwork } = await agent.line({ msg: "image downloaded" }); // Of the life that was not killed.
  readBytes += Number(fromNetwork);
  const [phase, version] = [at(reported, "boardkeeper.update.phase"), at(reported, "firmware.currentFwVersion")];
  return { sizeBytes, sentBytes, readBytes, unreadBytes, kills, phase, version };
}

/** Begins an answer, and says at which byte: of the whole, or of the rest that was asked for. */
function startOf({ headers }: IncomingMessage, response: ServerResponse, sizeBytes: number): number {
  const fromBytes = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
  response.writeHead(fromBytes > 0 ? 206 : 200, {
    etag: '"v1"',
    "content-length": sizeBytes - fromBytes,
    ...(fromBytes > 0 ? { "content-range": `bytes ${fromBytes}-${sizeBytes - 1}/${sizeBytes}` } : {}),
  });
  return fromBytes;
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
