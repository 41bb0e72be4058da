/**
 * Every code of a failure or an error response, with what to do about it. Programs match on the codes, so a code never
 * changes its meaning. docs/errors.md is checked against this table.
 */
export const errorCodes = {
  "already-scheduled": "A reboot is pending. Wait for it, or cancel it with cancelReboot.",
  "bad-address": "The image's address is not one that this board can fetch. Give an https:// URL.",
  "bad-digest": "The image that arrived is not the one that was asked for. Check the address and the check value.",
  "bad-request": "A key of the request has a value that it cannot have. The message names it.",
  "bad-size": "The image has another size than the request or the server said. Check the file on the server.",
  "clock-not-set": "The board does not know the time, so it cannot wait for one. Give a delay instead.",
  "disk-error":
    "The board's disk would not take the image. Look at the disk: read-only, worn out, unplugged, or not opened to the service (configuration.md).",
  "fell-back": "The new system did not come up and the boot loader went back. Try the image on a board at hand.",
  "http-status": "The server refused the image. Check the address, and whether a signed one has expired.",
  "image-changed": "The staged image was damaged on the board's disk. Ask again; if it recurs, replace the storage.",
  "image-too-large": "The image is larger than this board accepts. Raise update.max-image-size, or shrink the image.",
  inhibited: "Something on the board asks that it is not shut down. Wait until that is over, or ask with force.",
  "insecure-address": "Plain http is not fetched. Serve the image over https, or set update.allow-http.",
  "insecure-redirect": "The server redirected from https to http, which is never followed. Mend its redirects.",
  "installer-failed": "The installer said no; its last words are in the message.",
  "installer-not-allowed":
    "Root may not run an installer on this board. Its owner names the program in /etc/boardkeeper/installer.",
  "installer-timed-out":
    "The installer took longer than its time limit. Raise the limit, or look at what it waits for.",
  internal: "A fault in the agent. Its log has the details: please report it.",
  "interrupted-too-often": "The board lost power or the agent crashed again and again. Find out why, then ask again.",
  "manifest-unsupported": "This agent does not check signed manifests. Leave fwManifestUri out.",
  "no-installer": "The board's owner has configured no installer. Set update.installer in its config.",
  "no-space":
    "The board's disk or its quota has no room for the image. Free some space, or raise update.staging-quota.",
  "not-resumable":
    "The download kept beginning at its first byte. Serve a file that stays as it is, with range requests.",
  "not-proven": "The new system did not become healthy in time, so the board went back. Look at what was not healthy.",
  "nothing-running": "No such update is running.",
  "nothing-scheduled": "No such reboot is scheduled.",
  "nothing-staged": "No staged update waits to be applied.",
  "reboot-never-came": "The board was asked to reboot and did not. Look at systemd's log on the board.",
  "restarts-too-often": "The new system kept crashing before it was proven. Look at its logs.",
  "revert-failed":
    "The installer went back, yet the new version still runs. Go to the board, or ask for an update to a good image.",
  starting: "The agent has just started. Ask again; if it stays so, look at the board's disk and installer.",
  "state-in-slot":
    "The agent's state lies where the update would replace it. Move agent.state-dir to another partition, and open that to the service (configuration.md).",
  "state-lost":
    "What the agent had saved was damaged, or of a newer release. Look at the board's disk, then ask again.",
  "state-not-saved": "The agent cannot write its state. Look at the board's disk: full, read-only or worn out.",
  "too-late": "The board is being changed already. It ends by itself, proven or back on the old system.",
  "too-many-redirects": "The server redirects in circles. Mend its redirects.",
  unreachable:
    "The image's server could not be reached, the connection was lost, or the time for the download was up. Check the server and the link; asked for again, it goes on from the bytes that came.",
  "unknown-method": "The board has no such method. The message lists those it has.",
  "update-running": "Another update is running. Wait for it, or cancel it with cancelFirmwareUpdate.",
  "version-in-use": "The board runs another image under this version. Give each image a version of its own.",
  "version-unknown":
    "The installer cannot tell which version runs, or prints what is no version. Look at it on the board.",
  "window-missing":
    "No maintenance window is configured on this board. Set maintenance.windows, or ask without a window.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorCodes;

/** Failures of a download that do not put the bytes that have arrived in doubt. */
const keepBytes: ReadonlySet<string> = new Set<ErrorCode>([
  "bad-address",
  "http-status",
  "insecure-address",
  "insecure-redirect",
  "interrupted-too-often",
  "too-many-redirects",
  "unreachable",
]);

/** Whether the bytes of a failed download are kept: a new request for the same image goes on from them. */
export function keepsDownloadedBytes(code: string): boolean {
  return keepBytes.has(code);
}
