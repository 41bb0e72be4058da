import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { simulatedTrustPaths } from "../../agent/config/paths.ts";
import type { Timer } from "../../agent/lib/clock.ts";
import { imageServer, type ImageServer } from "./image-server.ts";
import { testHub } from "./local-hub.ts";
import { ServiceApp } from "./service-app.ts";
import { TestBoard, type TestBoardOptions } from "./test-board.ts";
import { TufRepository } from "./tuf-repository.ts";

/** The name of every simulated board that its owner has not named. */
export const boardName = "simulated-board";

/** A simulated board with a trust root, and its publisher's repository on a real web server. */
export interface SignedBoard {
  readonly board: TestBoard;
  readonly service: ServiceApp;
  readonly server: ImageServer;
  readonly publisher: TufRepository;
  /** The bytes of an image of the repository. */
  readonly content: (version: string) => Buffer;
}

/** Serves a repository as any file server does: metadata, and the images of `targetEntry`. */
export function servesRepository(publisher: TufRepository): ImageServer["answer"] {
  return ({ url = "" }, response) => {
    const name = decodeURIComponent(url);
    const metadata = publisher.files.get(name.replace("/repository/metadata/", ""));
    if (metadata !== undefined) return void response.setHeader("content-type", "application/json").end(metadata);
    const found = Object.values(publisher.boards)
      .flatMap((targets) => Object.entries(targets))
      .find(([path, { hashes }]) => {
        const { sha256 } = hashes as { sha256: string };
        return name === `/repository/targets/${dirname(path)}/${sha256}.${path.slice(path.indexOf("/") + 1)}`;
      });
    if (found === undefined) return void response.writeHead(404).end();
    const { version } = found[1]["custom"] as { version: string };
    return void response.end(contentOf(version));
  };
}

/** The content of an image of a test repository. */
function contentOf(version: string): Buffer {
  return Buffer.from(`image ${version}`);
}

export async function signedBoard(
  versions: readonly string[],
  { settings = {}, ...options }: TestBoardOptions = {},
  hasRoot = true,
): Promise<SignedBoard> {
  const hub = await testHub();
  const publisher = new TufRepository({ boards: { [boardName]: versions } });
  const server = await imageServer(servesRepository(publisher));
  const board = await TestBoard.start(hub, {
    imageCa: `${hub.ca}\n${server.ca}`,
    settings: { "update.repository": `${server.origin}/repository/`, ...settings },
    hasRealTrust: true,
    timer: withoutRetryWaits,
    prepare: async (folder) => {
      if (hasRoot) await addRoot(folder, publisher);
    },
    ...options,
  });
  return { board, service: new ServiceApp(hub), server, publisher, content: contentOf };
}

/** As `boardkeeper-agent trust add --simulate` does. */
export async function addRoot(folder: string, publisher: TufRepository): Promise<void> {
  const { store, seed } = simulatedTrustPaths(folder);
  await mkdir(store, { recursive: true, mode: 0o700 });
  await writeFile(seed, publisher.file("1.root.json"), { mode: 0o600 });
}

/** The waits between two requests to a repository pass at once. */
function withoutRetryWaits(timer: Timer): Timer {
  return { after: (delayMs, signal) => timer.after(delayMs === 2_000 ? 0 : delayMs, signal) };
}
