import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { imageServer, serving, testImage } from "../../support/image-server.ts";
import { Gate } from "../../support/gate.ts";
import { addRoot, boardName, servesRepository, signedBoard, type SignedBoard } from "../../support/signed-board.ts";
import { sha256, targetEntry } from "../../support/tuf-repository.ts";
import { isEnd } from "../../support/update-setup.ts";

/* A simulated board with a trust root, and a repository on a real web server: the verifier, the cache and the agent are the real ones. */

async function ended({ service }: SignedBoard, operationId: string): Promise<unknown> {
  await service.untilReported("boardkeeper.update.operationId", operationId);
  return (await service.untilReported("boardkeeper.update.phase", isEnd))["boardkeeper"].update;
}

const digestOf = ({ content }: SignedBoard, version: string): string => sha256(content(version));

describe("a version alone", () => {
  it("is looked up in the repository, fetched from there, installed and proven", async () => {
    const made = await signedBoard(["2.0.0"]);
    const { service, board, server } = made;
    expect(await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" })).toMatchObject({
      status: 200,
      payload: { operationId: "op-1" },
    });
    expect(await ended(made, "op-1")).toMatchObject({ phase: "completed", version: "2.0.0" });
    expect(await board.runningVersion()).toBe("2.0.0");
    const digest = digestOf(made, "2.0.0");
    expect(server.requests.at(-1)?.url).toBe(`/repository/targets/${boardName}/${digest}.${digest}.app.tar`);
    expect(await service.reported("boardkeeper.trust")).toStrictEqual({
      rootVersion: 1,
      expires: "2037-03-01T12:00:00.000Z",
      unsignedAllowed: false,
    });
    expect(await service.reported("boardkeeper.board.compatible")).toStrictEqual([boardName]);
    expect(await service.reported("boardkeeper.agent.features")).toContain("signed");
  });

  it("that runs already is done, by method and declared; asked for again under its id it is repeated", async () => {
    const made = await signedBoard(["2.0.0"]);
    const { service, server } = made;
    await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    await ended(made, "op-1");
    const requests = server.requests.length;
    const again = await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0" });
    expect(again).toMatchObject({ status: 200, payload: { already: true, operationId: "op-1" } });
    const repeated = await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    expect(repeated).toMatchObject({ status: 200, payload: { repeated: true } });
    const other = await service.callMethod("firmwareUpdate", { fwVersion: "3.0.0", operationId: "op-1" });
    expect(other).toMatchObject({ status: 409, payload: { error: { code: "operation-id-in-use" } } });
    expect(server.requests).toHaveLength(requests);
  });

  it("that nobody has published ends the update with the code, and nothing is fetched", async () => {
    const made = await signedBoard(["2.0.0"]);
    await made.service.callMethod("firmwareUpdate", { fwVersion: "9.0.0", operationId: "op-1" });
    expect(await ended(made, "op-1")).toMatchObject({
      phase: "failed",
      error: { code: "version-not-published", during: "accepted" },
    });
    expect(made.server.requests.filter(({ url = "" }) => url.includes("/targets/"))).toStrictEqual([]);
  });

  it("is declared once, waits as its document says, and is applied as the changed document says", async () => {
    const made = await signedBoard(["2.0.0"]);
    const { service, server } = made;
    await service.setDesired({ firmware: { fwVersion: "2.0.0", apply: "manual", operationId: "op-1" } });
    await service.untilReported("boardkeeper.update.phase", "staged");
    const requests = server.requests.length;
    await service.setDesired({ firmware: { fwVersion: "2.0.0", apply: "now", operationId: "op-1" } });
    expect(await ended(made, "op-1")).toMatchObject({ phase: "completed", version: "2.0.0" });
    expect(server.requests).toHaveLength(requests);
  });

  it("of an older image is refused once a newer epoch was committed", async () => {
    const made = await signedBoard(["1.5.0"]);
    const { service, publisher, board } = made;
    const [path, entry] = targetEntry(boardName, "2.0.0", { epoch: 3 });
    Object.assign(publisher.boards[boardName] ?? {}, { [path]: entry });
    publisher.publish();
    await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    expect(await ended(made, "op-1")).toMatchObject({ phase: "completed" });
    const refused = await service.callMethod("firmwareUpdate", { fwVersion: "1.5.0", operationId: "op-2" });
    expect(refused).toMatchObject({ status: 403, payload: { error: { code: "epoch-too-low" } } });
    await board.stopAgent();
    await board.startAgent();
    const later = await service.callMethod("firmwareUpdate", { fwVersion: "1.5.0", operationId: "op-3" });
    expect(later).toMatchObject({ status: 403, payload: { error: { code: "epoch-too-low" } } });
  });
});

describe("an address and a digest", () => {
  it("of a signed image, from any server", async () => {
    const made = await signedBoard(["2.0.0"]);
    made.server.answer = (request, response) => {
      if (request.url === "/elsewhere.img") response.end(made.content("2.0.0"));
      else servesRepository(made.publisher)(request, response);
    };
    const request = {
      fwPackageUri: `${made.server.origin}/elsewhere.img`,
      fwPackageCheckValue: digestOf(made, "2.0.0"),
    };
    await made.service.callMethod("firmwareUpdate", { ...request, operationId: "op-1" });
    // The version is the signed one: the request named none.
    expect(await ended(made, "op-1")).toMatchObject({ phase: "completed", version: "2.0.0" });
    const again = await made.service.callMethod("firmwareUpdate", request);
    expect(again).toMatchObject({ payload: { already: true, operationId: "op-1" } });
  });

  it("of another image, version or size end with the code before anything is fetched", async () => {
    const made = await signedBoard(["2.0.0"]);
    const fwPackageUri = `${made.server.origin}/board.img`;
    const request = { fwPackageUri, fwPackageCheckValue: digestOf(made, "2.0.0") };
    const changes = [
      ["not-signed", { fwPackageCheckValue: "b".repeat(64) }],
      ["not-signed", { fwVersion: "3.0.0" }],
      ["bad-size", { fwPackageSize: 5 }],
    ] as const;
    for (const [index, [code, change]] of changes.entries()) {
      const operationId = `op-${index}`;
      const reply = await made.service.callMethod("firmwareUpdate", { ...request, operationId, ...change });
      expect(reply.status).toBe(200);
      expect(await ended(made, operationId)).toMatchObject({ phase: "failed", error: { code, during: "accepted" } });
    }
    expect(made.server.requests.map(({ url }) => url)).not.toContain("/board.img");
  });
});

describe("a repository that cannot be reached", () => {
  it.each<[what: string, answer: SignedBoard["server"]["answer"]]>([
    ["is away", (_request, response) => response.destroy()],
    [
      "is behind a captive portal",
      (_request, response) => response.setHeader("content-type", "text/html").end("<!DOCTYPE html>"),
    ],
  ])("fails no update that the metadata on the board allows: it %s", async (_what, answer) => {
    const made = await signedBoard(["2.0.0", "3.0.0"]);
    await made.service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    await ended(made, "op-1");
    const content = made.content("3.0.0");
    const other = serving({ content, sha256: sha256(content), sizeBytes: content.length });
    made.server.answer = (request, response) => {
      if (request.url === "/board.img") other(request, response);
      else answer(request, response);
    };
    const request = { fwPackageUri: `${made.server.origin}/board.img`, fwPackageCheckValue: sha256(content) };
    await made.service.callMethod("firmwareUpdate", { ...request, operationId: "op-2" });
    expect(await ended(made, "op-2")).toMatchObject({ phase: "completed", version: "3.0.0" });
  });

  it("keeps no method waiting; the twin says why it takes long, and a cancel ends it", async () => {
    const made = await signedBoard(["2.0.0"]);
    const asked = new Gate();
    let isCut = true;
    made.server.answer = (_request, response) => {
      if (isCut) response.destroy();
      else asked.open();
      isCut = false;
    };
    const reply = await made.service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    expect(reply.status).toBe(200);
    await made.service.untilReported("boardkeeper.update.delay.code", "unreachable");
    await asked.pass();
    expect(await made.service.callMethod("cancelFirmwareUpdate", {})).toMatchObject({ status: 200 });
    const update = await ended(made, "op-1");
    expect(update).toMatchObject({ phase: "cancelled" });
    expect(update).not.toHaveProperty("delay");
  });

  it("is asked again after a restart of the agent, which is counted", async () => {
    const made = await signedBoard(["2.0.0"]);
    const asked = new Gate();
    made.server.answer = () => asked.open();
    await made.service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    await asked.pass();
    await made.board.stopAgent();
    await made.board.startAgent();
    await made.service.untilReported("boardkeeper.update.attempt", 2);
    await made.board.stopAgent();
    made.server.answer = servesRepository(made.publisher);
    await made.board.startAgent();
    expect(await ended(made, "op-1")).toMatchObject({ phase: "completed" });
  });

  it("is not asked beyond the time by which the update must begin", async () => {
    const made = await signedBoard(["2.0.0"]);
    made.server.answer = () => undefined;
    const startBy = new Date(Date.now() + 1_000).toISOString();
    await made.service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1", startBy });
    expect(await ended(made, "op-1")).toMatchObject({ phase: "cancelled", error: { code: "lease-expired" } });
  });
});

describe("a board whose owner adds a trust root while it runs", () => {
  it("takes a version alone from then on, and what was declared before", async () => {
    const made = await signedBoard(["2.0.0"], {}, false);
    const { service, board, publisher } = made;
    const alone = await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0" });
    expect(alone).toMatchObject({ status: 400, payload: { error: { code: "bad-request" } } });
    await addRoot(board.folder, publisher);
    await service.callMethod("firmwareUpdate", { fwVersion: "2.0.0", operationId: "op-1" });
    expect(await ended(made, "op-1")).toMatchObject({ phase: "completed" });
    await writeFile(`${board.folder}/trust/root.json`, "damaged");
    await writeFile(`${board.folder}/trust/seed.json`, "damaged");
    const damaged = await service.callMethod("firmwareUpdate", { fwVersion: "3.0.0" });
    expect(damaged).toMatchObject({ status: 403, payload: { error: { code: "trust-store-damaged" } } });
  });
});

it("without a trust root, a simulated board is as it was: the digest counts, and nobody is asked for metadata", async () => {
  const made = await signedBoard([], {}, false);
  const image = testImage();
  const server = await imageServer(serving(image));
  made.server.answer = serving(image);
  const request = {
    fwPackageUri: `${made.server.origin}/board.img`,
    fwPackageCheckValue: image.sha256,
    fwVersion: "2.0.0",
  };
  await made.service.callMethod("firmwareUpdate", { ...request, operationId: "op-1" });
  expect(await ended(made, "op-1")).toMatchObject({ phase: "completed" });
  expect(made.server.requests.map(({ url }) => url)).toStrictEqual(["/board.img"]);
  server.stop();
});
