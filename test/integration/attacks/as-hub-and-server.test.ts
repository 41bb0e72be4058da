import { readdir } from "node:fs/promises";
import { expect, it } from "vitest";
import { TrustFolder } from "../../../agent/board/trust/trust-folder.ts";
import { simulatedTrustPaths } from "../../../agent/config/paths.ts";
import type { JsonObject } from "../../../agent/contract/json.ts";
import { imageAttacks } from "../../fixtures/attacks/images.ts";
import { treeOf } from "../../support/attacked-helper.ts";
import type { ImageServer } from "../../support/image-server.ts";
import { boardName, servesRepository, signedBoard, type SignedBoard } from "../../support/signed-board.ts";
import { sha256, targetEntry } from "../../support/tuf-repository.ts";
import { isEnd, untilTidied } from "../../support/update-setup.ts";

/* A whole agent, a hub and a web server, all real: whoever holds the hub's key, and whoever runs the server. */

let operations = 0;

/** The code with which a request ends, at once or as a job. */
async function codeOf({ service }: SignedBoard, request: JsonObject): Promise<unknown> {
  operations += 1;
  const operationId = `attack-${operations}`;
  const reply = await service.callMethod("firmwareUpdate", { ...request, operationId });
  const { error } = reply.payload as { error?: { code: string } };
  if (error !== undefined) return error.code;
  await service.untilReported("boardkeeper.update.operationId", operationId);
  await service.untilReported("boardkeeper.update.phase", isEnd);
  return await service.reported("boardkeeper.update.error.code");
}

const digestOf = (version: string): string => sha256(Buffer.from(`image ${version}`));

type HubName = Extract<(typeof imageAttacks)[number], { hub: unknown }>["attack"];
const asHub: Readonly<Record<HubName, (address: string) => JsonObject>> = {
  "an unsigned image": (fwPackageUri) => ({ fwPackageUri, fwPackageCheckValue: "a".repeat(64) }),
  "another board's image": (fwPackageUri) => ({ fwPackageUri, fwPackageCheckValue: digestOf("3.0.0") }),
  "a signed image under another version": (fwPackageUri) => ({
    fwPackageUri,
    fwPackageCheckValue: digestOf("2.0.0"),
    fwVersion: "9.0.0",
  }),
  "a signed image with another size": (fwPackageUri) => ({
    fwPackageUri,
    fwPackageCheckValue: digestOf("2.0.0"),
    fwPackageSize: 5,
  }),
  "an image that names other boards": () => ({ fwVersion: "4.0.0" }),
  "an image below the floor": () => ({ fwVersion: "1.5.0" }),
  "an image for a newer agent": () => ({ fwVersion: "5.0.0" }),
  "an image that needs another one first": () => ({ fwVersion: "6.0.0" }),
  "a version that was never published": () => ({ fwVersion: "7.0.0" }),
};

/** A board at floor 3, and a repository with a good image, 2.0.0, and with others. */
async function attackedBoard(): Promise<SignedBoard> {
  const made = await signedBoard([]);
  const { publisher, board } = made;
  const entries = [
    targetEntry(boardName, "1.5.0", { epoch: 2 }),
    targetEntry(boardName, "2.0.0", { epoch: 3 }),
    targetEntry(boardName, "4.0.0", { epoch: 3, boards: ["other"] }),
    targetEntry(boardName, "5.0.0", { epoch: 3, minAgent: "99.0.0" }),
    targetEntry(boardName, "6.0.0", { epoch: 9, minPrevious: 8 }),
  ];
  publisher.boards[boardName] = Object.fromEntries(entries);
  publisher.boards["other"] = Object.fromEntries([targetEntry("other", "3.0.0")]);
  publisher.publish();
  const { store: folder, seed } = simulatedTrustPaths(board.folder);
  const seedOwners = [0, process.geteuid?.() ?? 0];
  await new TrustFolder({ folder, seed, seedOwners, checkRoot: () => undefined }).raiseFloor(3);
  return made;
}

it("as the hub, every request for a wrong image ends with its code, and nothing is fetched or written", async () => {
  const made = await attackedBoard();
  const { server, board } = made;
  const address = `${server.origin}/board.img`;
  const running = await board.runningVersion();
  for (const { attack, hub: code } of imageAttacks.flatMap((one) => ("hub" in one ? [one] : [])))
    expect([attack, await codeOf(made, asHub[attack](address))]).toStrictEqual([attack, code]);
  const asked = server.requests.map(({ url = "" }) => url);
  expect(asked.filter((url) => !url.startsWith("/repository/metadata/"))).toStrictEqual([]);
  expect([await readdir(board.stagingFolder).catch(() => []), await board.runningVersion()]).toStrictEqual([
    [],
    running,
  ]);
});

type ServerName = Extract<(typeof imageAttacks)[number], { server: unknown }>["attack"];
const image = Buffer.from("image 2.0.0");
const headers = { "content-type": "application/octet-stream" };
const asServer: Readonly<Record<ServerName, ImageServer["answer"]>> = {
  "a flipped bit in the image": (_request, response) => response.writeHead(200, headers).end("image 2.0.1"),
  "an image swapped under the same URL, or after it was staged": (_request, response) =>
    response.writeHead(200, headers).end("a stranger!"),
  "the image, cut off": (_request, response) =>
    response.writeHead(200, { ...headers, "content-length": image.length - 1 }).end(image.subarray(1)),
  "an endless image": (_request, response) => {
    response.writeHead(200, headers);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384, "x")));
    };
    response.on("drain", more);
    more();
  },
  "a redirect to plain http": (_request, response) =>
    response.writeHead(302, { location: "http://127.0.0.1/board.img" }).end(),
  "redirects without end": ({ url }, response) => response.writeHead(302, { location: url }).end(),
  "an image in an encoding of the server's": (_request, response) =>
    response.writeHead(200, { ...headers, "content-encoding": "gzip" }).end(image),
};

it("as the image's server, every wrong answer ends with its code, and nothing of it stays", async () => {
  const made = await attackedBoard();
  const { server, board, publisher } = made;
  const running = await board.runningVersion();
  let before: object | undefined;
  for (const { attack, server: code } of imageAttacks.flatMap((one) => ("server" in one ? [one] : []))) {
    server.answer = (request, response) => {
      const isImage = request.url?.includes("/targets/") === true;
      (isImage ? asServer[attack] : servesRepository(publisher))(request, response);
    };
    expect([attack, await codeOf(made, { fwVersion: "2.0.0" })]).toStrictEqual([attack, code]);
    await untilTidied(board);
    const trust = await treeOf(`${board.folder}/trust`);
    before ??= trust;
    expect([trust, await board.runningVersion()]).toStrictEqual([before, running]);
  }
});
