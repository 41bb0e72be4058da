import { readdir } from "node:fs/promises";
import type { Json } from "../../agent/contract/json.ts";
import { imageServer, serving, testImage, type ImageServer, type TestImage } from "./image-server.ts";
import { testHub } from "./local-hub.ts";
import { TestBoard, type TestBoardOptions } from "./test-board.ts";
import { ServiceApp } from "./service-app.ts";

/** A board, its hub, and a server with an image for it. */
export interface UpdateSetup {
  readonly board: TestBoard;
  readonly service: ServiceApp;
  readonly server: ImageServer;
  readonly image: TestImage;
  /** The request that updates the board to this image. */
  readonly request: { fwPackageUri: string; fwPackageCheckValue: string; fwVersion: string };
}

export async function setUpUpdate(options: TestBoardOptions = {}, image = testImage()): Promise<UpdateSetup> {
  const hub = await testHub();
  const server = await imageServer(serving(image));
  const board = await TestBoard.start(hub, { imageCa: `${hub.ca}\n${server.ca}`, ...options });
  const service = new ServiceApp(hub, board.deviceId, options.moduleId);
  const fwPackageUri = `${server.origin}/board.img?sig=secret`;
  return {
    board,
    service,
    server,
    image,
    request: { fwPackageUri, fwPackageCheckValue: image.sha256, fwVersion: "2.0.0" },
  };
}

export const isEnd = (phase: Json | undefined): boolean =>
  typeof phase === "string" && ["completed", "failed", "rolledBack", "cancelled"].includes(phase);

export async function leftOver(board: TestBoard): Promise<string[]> {
  return await readdir(board.stagingFolder).catch(() => []);
}

/** What has ended is reported first; then its files are removed. */
export async function untilTidied(board: TestBoard): Promise<void> {
  while ((await leftOver(board)).length > 0);
}
