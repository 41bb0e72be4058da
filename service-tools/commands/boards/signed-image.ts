import type { JsonObject } from "../../../agent/contract/json.ts";
import { askStatus } from "../../boards/ask-status.ts";
import { parseBoardView, type BoardView } from "../../boards/board-view.ts";
import { requireFeature, signedImages } from "../../boards/required-feature.ts";
import { RefusedByDevice, UsageError } from "../../cli/errors.ts";
import type { Context } from "../../context.ts";
import { targetFlags, targetName, type HubClient, type Target } from "../../hub-client/hub-client.ts";
import { readContents } from "../../repo/contents.ts";
import { shellQuote } from "../hub/folder.ts";
import { publish, type Published } from "../repo/publish.ts";
import { isFromRepository, type ImageOptions } from "./image-options.ts";

/* `boardkeeper update` and signatures: what a board with a trust root can be asked for, and what one without it cannot. */

/**
 * Checks what the twin says of the board's trust, before anything is published or sent.
 * @throws RefusedByDevice where it installs only signed images, and this one would not be; or where it has no trust root, and is to
 *   find the image by its version
 */
export async function checkTrust(
  client: Pick<HubClient, "callMethod">,
  target: Target,
  twin: JsonObject,
  options: ImageOptions,
): Promise<void> {
  const view = parseBoardView(twin);
  const trusts = hasRoot(view);
  const name = targetName(target);
  if (isFromRepository(options)) {
    await requireFeature(client, target, twin, signedImages);
    // Its owner may have added the root since: a board that is asked says so, and reports it.
    if (trusts || (view.connected && hasRoot((await askStatus(client, target, twin))?.view))) return;
    throw refused(
      "trust-root-missing",
      `${name} has no trust root, so it finds no image by its version. Nothing was sent.`,
      [
        "Give it the root of your repository, on the board: boardkeeper-agent trust add FILE",
        "docs/repository.md has all the steps.",
      ],
    );
  }
  if (options.file === undefined || !trusts) return;
  const version = options.version === undefined ? "" : ` --version ${shellQuote(options.version)}`;
  throw refused(
    "not-signed",
    `${name} installs only images that its publisher has signed. Nothing was published or sent.`,
    [
      "Sign it, and publish it in the repository that the board reads:",
      `boardkeeper update ${targetFlags(target)} --file ${shellQuote(options.file)}${version} --repo DIR`,
    ],
  );
}

function hasRoot(view: BoardView | undefined): boolean {
  return view !== undefined && view.trust !== null && view.trust.rootVersion !== null;
}

function refused(code: string, message: string, advice: readonly string[]): RefusedByDevice {
  return new RefusedByDevice(message, { status: null, payload: { code } }, { advice: advice.join("\n") });
}

/** Signs and publishes the file for the board. @param compatible the names that the board reports @throws UsageError */
export async function publishSigned(
  context: Context,
  { file = "", repo = ".", version, board }: ImageOptions,
  compatible: readonly string[],
): Promise<Published> {
  const { boards } = await readContents(repo);
  // One that is published for already; else the most specific.
  const name = board ?? compatible.find((one) => boards.has(one)) ?? compatible[0];
  if (name === undefined)
    throw new UsageError("The board has reported no name. Say with --board which one it has in the repository.");
  const published = await publish(context, file, {
    repo,
    board: [name],
    kind: "feature",
    ...(version === undefined ? {} : { version }),
  });
  context.err.write(`Published version ${published.version} for ${name} in ${repo}.\n`);
  return published;
}
