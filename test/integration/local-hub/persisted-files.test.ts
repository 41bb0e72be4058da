import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DeviceFiles } from "../../../service-tools/local-hub/registry/device-files.ts";
import { renderRecord } from "../../../service-tools/local-hub/registry/record.ts";
import { readPorts, savePorts } from "../../../service-tools/local-hub/storage/persisted-settings.ts";
import { SessionStore } from "../../../service-tools/local-hub/gateway/sessions.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/* The folder of a hub outlives its release: test/fixtures/persisted/hub holds files as an earlier one wrote them. */

const fixture = (name: string): string => join("test/fixtures/persisted/hub", name);
const text = (path: string): Promise<string> => readFile(path, "utf8");

it("a device with its twin", async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture("device.json"), join(folder, "board-1.json"));
  const [record, ...others] = await new DeviceFiles(folder).load();
  expect(others).toStrictEqual([]);
  expect(record).toMatchObject({ identity: { deviceId: "board-1" }, twin: { desired: { version: 2 } } });
  if (record === undefined) throw new Error("The fixture is not a device.");
  expect(JSON.parse(renderRecord(record))).toStrictEqual(JSON.parse(await text(fixture("device.json"))));
});

it("the ports", async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture("ports.json"), join(folder, "ports.json"));
  const ports = await readPorts(folder);
  expect(ports).toStrictEqual({ mqtt: 38_217, https: 33_637, images: 41_247 });
  if (ports === undefined) throw new Error("The fixture has no ports.");
  await savePorts(folder, ports);
  expect(JSON.parse(await text(join(folder, "ports.json")))).toStrictEqual(
    JSON.parse(await text(fixture("ports.json"))),
  );
});

it("the sessions of devices", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "sessions.json");
  await mkdir(folder, { recursive: true });
  await copyFile(fixture("sessions.json"), path);
  const store = new SessionStore(path);
  await store.load();
  await store.flush();
  expect(JSON.parse(await text(path))).toStrictEqual(JSON.parse(await text(fixture("sessions.json"))));
});
