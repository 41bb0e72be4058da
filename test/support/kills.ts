import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Gate } from "./gate.ts";
import { imageServer, testImage, type ImageServer, type TestImage } from "./image-server.ts";
import { testHub } from "./local-hub.ts";
import { boardProcess } from "./processes.ts";
import { randomFrom } from "./random.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { at } from "./paths.ts";
import { ServiceView } from "./twins.ts";

/** So far ahead of the board's disk the server sends: as a link does that is slower than a disk. */
const aheadBytes = 64 * 1_024;
const pieceBytes = 16 * 1_024;

export interface KilledDownload {
  readonly sizeBytes: number;
  /** What the server has sent, over all requests. */
  readonly sentBytes: number;
  readonly kills: number;
  readonly phase: unknown;
  readonly version: unknown;
}

/**
 * A real agent updates itself from a server on this machine, and is killed with SIGKILL each time when a seeded number of
 * bytes has left the server. Its board starts it again.
 */
export async function downloadKilled(sizeBytes: number, times: number, seed: number): Promise<KilledDownload> {
  const random = randomFrom(seed);
  const points = Array.from({ length: times }, () => Math.floor(random() * sizeBytes)).sort((a, b) => a - b);
  const hub = await testHub();
  const image = testImage(sizeBytes);
  const caFile = join(await temporaryFolder(), "image-ca.pem");
  let sentBytes = 0;
  let kills = 0;
  const server: ImageServer = await imageServer(() => undefined);
  await writeFile(caFile, server.ca);
  const board = await boardProcess(hub, "board-1", { BOARDKEEPER_UPDATE_CA_FILE: caFile });
  const part = join(board.folder, "state", "staging", `${image.sha256}.part`);
  const agent = board.start();
  /** Held until the call is answered: a killed agent answers nobody. */
  const answered = new Gate();
  let linesSeen = 0;
  /** Each request comes from another process: the one before was killed. */
  const pidOfNext = async (): Promise<number> => {
    const line = await agent.line({ msg: "agent started" }, { after: linesSeen });
    linesSeen = agent.lines.indexOf(line) + 1;
    return Number(line["pid"]);
  };
  server.answer = (request, response) => {
    const pid = pidOfNext();
    const fromBytes = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(fromBytes > 0 ? 206 : 200, {
      etag: '"v1"',
      "content-length": sizeBytes - fromBytes,
      ...(fromBytes > 0 ? { "content-range": `bytes ${fromBytes}-${sizeBytes - 1}/${sizeBytes}` } : {}),
    });
    const onSent = async (newBytes: number, atBytes: number): Promise<void> => {
      sentBytes += newBytes;
      if (atBytes < (points[kills] ?? Infinity)) return;
      kills += 1;
      process.kill(await pid, "SIGKILL");
      await once(response, "close");
    };
    void answered.pass().then(() => send(image, part, fromBytes, response, onSent));
  };
  await agent.line({ msg: "connected to the hub" });
  const service = new ServiceView(hub);
  await service.call("firmwareUpdate", {
    fwPackageUri: `${server.origin}/board.img`,
    fwPackageCheckValue: image.sha256,
    fwVersion: "2.0.0",
  });
  answered.open();
  const reported = await service.until("boardkeeper.update.endedAt", (time) => time !== undefined);
  const phase = at(reported, "boardkeeper.update.phase");
  return { sizeBytes, sentBytes, kills, phase, version: at(reported, "firmware.currentFwVersion") };
}

/** Sends an image's rest in small pieces, never far ahead of what lies on the board's disk. */
async function send(
  { content, sizeBytes }: TestImage,
  part: string,
  fromBytes: number,
  response: Parameters<ImageServer["answer"]>[1],
  onSent: (newBytes: number, atBytes: number) => Promise<void>,
): Promise<void> {
  for (let sentTo = fromBytes; sentTo < sizeBytes && !response.destroyed;) {
    if (sentTo - (await sizeOf(part)) >= aheadBytes) continue;
    const piece = content.subarray(sentTo, sentTo + pieceBytes);
    sentTo += piece.length;
    response.write(piece);
    await onSent(piece.length, sentTo);
  }
  response.end();
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
