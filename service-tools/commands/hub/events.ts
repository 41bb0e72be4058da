import type { Command } from "commander";
import * as v from "valibot";
import { outputOption } from "../../cli/output.ts";
import type { Format } from "../../cli/output.ts";
import type { Context } from "../../context.ts";
import { folderOption, hubFolder, adminLines, requireHubInfo } from "./folder.ts";

interface EventsOptions {
  readonly folder?: string;
  readonly deviceId?: string;
  readonly moduleId?: string;
  readonly follow?: boolean;
  readonly output: Format;
}

const eventSchema = v.object({
  enqueuedTime: v.string(),
  deviceId: v.string(),
  moduleId: v.exactOptional(v.string()),
  properties: v.custom<object>((value) => typeof value === "object" && value !== null),
  body: v.exactOptional(v.string()),
  bodyBase64: v.exactOptional(v.string()),
});

/** `boardkeeper hub events` */
export function addHubEvents(hub: Command, { out }: Context): void {
  hub
    .command("events")
    .description("print the telemetry that devices have sent")
    .addOption(folderOption())
    .option("-d, --device-id <id>", "only from this device")
    .option("-m, --module-id <id>", "only from this module")
    .option("-f, --follow", "keep printing new events, until Ctrl-C")
    .addOption(outputOption())
    .action(async (options: EventsOptions) => {
      const folder = hubFolder(options.folder);
      const hubInfo = await requireHubInfo(folder);
      for await (const line of adminLines(folder, hubInfo, pathOf(options))) {
        out.write(`${options.output === "json" ? line : formatEvent(line)}\n`);
      }
    });
}

function pathOf({ deviceId, moduleId, follow = false }: EventsOptions): string {
  const query = new URLSearchParams({
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(moduleId === undefined ? {} : { moduleId }),
    follow: String(follow),
  });
  return `/local-hub/events?${query.toString()}`;
}

/** For instance `2026-01-02T03:04:05.678Z board-1 {"temperature":21} {"alert":"true"}`. */
function formatEvent(line: string): string {
  const { enqueuedTime, deviceId, moduleId, properties, body, bodyBase64 } = v.parse(eventSchema, JSON.parse(line));
  const source = moduleId === undefined ? deviceId : `${deviceId}/${moduleId}`;
  const text = body ?? `base64:${bodyBase64}`;
  const extra = Object.keys(properties).length === 0 ? "" : ` ${JSON.stringify(properties)}`;
  return `${enqueuedTime} ${source} ${text}${extra}`;
}
