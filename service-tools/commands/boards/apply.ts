import type { Command } from "commander";
import { invokeMethod } from "../../boards/invoke-method.ts";
import { withHub, type Context } from "../../context.ts";
import type { HubClient } from "../../hub-client/hub-client.ts";
import { updateOutcome } from "../../watch/outcome.ts";
import { updateTracker } from "../../watch/update-tracker.ts";
import { operationName, withTargetOptions, withWaitOptions, type TargetOptions, type WaitOptions } from "../options.ts";
import { runOperation } from "./run-operation.ts";

interface ApplyOptions extends TargetOptions, WaitOptions {
  readonly operationId?: string;
}

const hourMs = 3_600_000;

/** `boardkeeper apply` */
export function addApply(program: Command, context: Context): void {
  const command = withTargetOptions(program.command("apply"))
    .description("apply a staged update that waits for approval or for its maintenance window")
    .option("--operation-id <id>", "only if this update is the staged one", operationName);
  withWaitOptions(command, "1h").action((options: ApplyOptions) =>
    withHub(context, options, (client) => apply(context, client, options)),
  );
}

async function apply(context: Context, client: HubClient, options: ApplyOptions): Promise<void> {
  const payload = options.operationId === undefined ? {} : { operationId: options.operationId };
  await runOperation(context, client, options, {
    what: "update",
    request: async (target) => {
      const { operationId, message } = await invokeMethod(client, target, { method: "applyFirmwareUpdate", payload });
      return { operationId, message, repeated: false, details: {} };
    },
    tracker: ({ operationId }, before) => {
      const { rehearsal } = before.update;
      const version = before.update.operationId === operationId ? (before.update.version ?? "") : "";
      const requested = { operationId, version, rehearsal, already: false, repeated: false };
      return updateTracker(options, { ...requested, desiredVersion: null }, before);
    },
    outcomeOf: updateOutcome,
    defaultTimeoutMs: hourMs,
  });
}
