import { describe, expect, it } from "vitest";
import { AgentError } from "../../../agent/lib/errors.ts";
import { testImage, type imageServer } from "../../support/image-server.ts";
import { type TestBoardOptions } from "../../support/test-board.ts";
import { at } from "../../support/paths.ts";
import { isEnd, setUpUpdate, untilTidied } from "../../support/update-setup.ts";

const sides: (TestBoardOptions & { who: string })[] = [
  { who: "a device over MQTT", transport: "MQTT" },
  { who: "a device over WebSockets", transport: "WebSockets" },
  { who: "a module over MQTT", transport: "MQTT", moduleId: "boardkeeper" },
  { who: "a module over WebSockets", transport: "WebSockets", moduleId: "boardkeeper" },
];

describe.each(sides)("firmwareUpdate, as $who", ({ who: _who, ...options }) => {
  it("downloads, checks, stages, applies, reboots, proves, and says so in four vocabularies", async () => {
    const { board, service, server, request } = await setUpUpdate(options);
    const reply = await service.callMethod("firmwareUpdate", { ...request, operationId: "op-1" });
    expect(reply).toStrictEqual({ status: 200, payload: { Response: "Firmware update started", operationId: "op-1" } });

    const reported = await service.untilReported("boardkeeper.update.phase", isEnd);
    expect(at(reported, "boardkeeper.update")).toMatchObject({
      phase: "completed",
      operationId: "op-1",
      version: "2.0.0",
      rehearsal: false,
      lastProven: { version: "2.0.0" },
    });
    expect(await board.runningVersion()).toBe("2.0.0");
    expect(board.boots).toBe(2);
    expect(reported["firmwareStatus"]).toBe("completed");
    expect(at(reported, "iothubDM.firmwareUpdate.status")).toBe("applyComplete");
    expect(at(reported, "firmware")).toMatchObject({
      currentFwVersion: "2.0.0",
      pendingFwVersion: "",
      fwUpdateStatus: "current",
    });
    expect(at(reported, "boardkeeper.reboot")).toMatchObject({ phase: "proven", cause: "update" });
    expect(JSON.stringify(reported)).not.toContain("secret");
    expect(server.requests).toHaveLength(1);
    await untilTidied(board);
  });
});

it("reports every phase, in order, one patch each", async () => {
  const { board, service, request } = await setUpUpdate();
  await service.callMethod("firmwareUpdate", request);
  await service.untilReported("boardkeeper.update.phase", "completed");
  const phases = board.reports
    .map((patch) => at(patch, "boardkeeper.update.phase"))
    .filter((phase) => phase !== undefined);
  expect(phases).toStrictEqual([
    "idle",
    "accepted",
    "downloading",
    "verifying",
    "staged",
    "applying",
    "rebooting",
    "proving",
    "completed",
  ]);
});

describe("an update that cannot be", () => {
  const half: Parameters<typeof imageServer>[0] = (_request, response) => {
    const image = testImage(2_000_000);
    response.writeHead(200, { "content-length": image.sizeBytes });
    response.write(image.content.subarray(0, image.sizeBytes / 2), () => response.destroy());
  };
  const redirectTo =
    (location: string): Parameters<typeof imageServer>[0] =>
    (_request, response) =>
      void response.writeHead(302, { location }).end();

  it.each<[string, Partial<TestBoardOptions>, Parameters<typeof imageServer>[0] | undefined, object, string, string]>([
    [
      "whose image has another digest",
      {},
      undefined,
      { fwPackageCheckValue: "f".repeat(64) },
      "bad-digest",
      "verifying",
    ],
    ["whose image has another size", {}, undefined, { fwPackageSize: 299_999 }, "bad-size", "downloading"],
    [
      "whose image is not there",
      {},
      (_request, response) => void response.writeHead(404).end(),
      {},
      "http-status",
      "downloading",
    ],
    [
      "whose server is gone at 50 %",
      { settings: { "update.download-deadline-seconds": 0, "update.keep-partial-seconds": 0 } },
      half,
      {},
      "unreachable",
      "downloading",
    ],
    [
      "whose image is too big",
      { settings: { "update.max-image-size": 299_999 } },
      undefined,
      {},
      "image-too-large",
      "downloading",
    ],
    [
      "whose image does not fit on the disk",
      { settings: { "update.keep-free": "1000 TiB" } },
      undefined,
      {},
      "no-space",
      "downloading",
    ],
    [
      "that is redirected to plain http",
      {},
      redirectTo("http://127.0.0.1/board.img"),
      {},
      "insecure-redirect",
      "downloading",
    ],
    ["that is redirected in circles", {}, redirectTo("/again"), {}, "too-many-redirects", "downloading"],
  ])(
    "%s ends in failed, with the old system untouched and nothing left over",
    async (_what, options, answer, changed, code, during) => {
      const { board, service, server, request } = await setUpUpdate(options);
      if (answer !== undefined) server.answer = answer;
      expect(await service.callMethod("firmwareUpdate", { ...request, ...changed })).toMatchObject({ status: 200 });

      const reported = await service.untilReported("boardkeeper.update.phase", isEnd);
      expect(at(reported, "boardkeeper.update")).toMatchObject({ phase: "failed", error: { code, during } });
      expect(reported["firmwareStatus"]).toBe("standBy");
      expect(reported["firmwareError"]).toMatch(new RegExp(`^${code}: .+\\.$`));
      expect(at(reported, "iothubDM.firmwareUpdate")).toMatchObject({ status: "downloadFailed", error: { code } });
      expect(at(reported, "firmware.fwUpdateStatus")).toBe("error");
      expect(JSON.stringify(reported)).not.toContain("secret");
      expect(board.boots).toBe(1);
      expect(await board.runningVersion()).toBe("1.0.0");
      await untilTidied(board);
    },
  );

  it("fit on the disk is refused at once when its size is given", async () => {
    const { service, request } = await setUpUpdate({ settings: { "update.keep-free": "1000 TiB" } });
    const reply = await service.callMethod("firmwareUpdate", { ...request, fwPackageSize: 300_000 });
    expect(reply).toMatchObject({ status: 507, payload: { error: { code: "no-space" } } });
    expect(await service.untilReported("boardkeeper.update.phase", () => true)).toMatchObject({
      firmwareStatus: "standBy",
    });
  });

  it("be installed fails, and a new one removes the old error", async () => {
    let works = false;
    const { service, request } = await setUpUpdate({
      installer: (real) => ({
        ...real,
        install: (image, signal) =>
          works
            ? real.install(image, signal)
            : Promise.reject(new AgentError("installer-failed", "The slot could not be written.")),
      }),
    });
    await service.callMethod("firmwareUpdate", request);
    const failed = await service.untilReported("boardkeeper.update.phase", isEnd);
    expect(at(failed, "boardkeeper.update.error")).toMatchObject({ code: "installer-failed", during: "applying" });
    expect(at(failed, "iothubDM.firmwareUpdate.status")).toBe("applyFailed");

    works = true;
    await service.callMethod("firmwareUpdate", request);
    const reported = await service.untilReported("boardkeeper.update.phase", "completed");
    expect(reported).not.toHaveProperty("firmwareError");
    expect(at(reported, "iothubDM.firmwareUpdate.error")).toBeUndefined();
    expect(at(reported, "boardkeeper.update.error")).toBeUndefined();
  });

  it("come up goes back to the old system", async () => {
    const { board, service, request } = await setUpUpdate({
      installer: (real) => ({ ...real, arm: () => Promise.resolve() }), // A boot loader that forgets the trial.
    });
    await service.callMethod("firmwareUpdate", request);
    const reported = await service.untilReported("boardkeeper.update.phase", isEnd);
    expect(at(reported, "boardkeeper.update")).toMatchObject({ phase: "rolledBack", error: { code: "fell-back" } });
    expect(at(reported, "firmware")).toMatchObject({ fwUpdateStatus: "rolledback", currentFwVersion: "1.0.0" });
    expect(at(reported, "iothubDM.firmwareUpdate.status")).toBe("applyFailed");
    expect(board.boots).toBe(2);
  });

  it("commit goes back to the old system with a second reboot", async () => {
    const { board, service, request } = await setUpUpdate({
      timer: (real) => ({ after: (delayMs, signal) => real.after(delayMs === 5_000 ? 0 : delayMs, signal) }),
      installer: (real) => ({
        ...real,
        commit: () => Promise.reject(new AgentError("installer-failed", "The environment is read-only.")),
      }),
    });
    await service.callMethod("firmwareUpdate", request);
    const reported = await service.untilReported("boardkeeper.update.phase", isEnd);
    expect(at(reported, "boardkeeper.update")).toMatchObject({
      phase: "rolledBack",
      error: { code: "installer-failed", during: "proving" },
    });
    expect(await board.runningVersion()).toBe("1.0.0");
    expect(board.boots).toBe(3);
  });
});
