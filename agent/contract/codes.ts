/**
 * Every code of a failure or an error response, with what to do about it. Programs match on the codes, so a code never
 * changes its meaning. docs/errors.md is checked against this table.
 */
export const errorCodes = {
  "agent-too-old": "The image needs a newer agent. Upgrade boardkeeper-agent on the board first.",
  "already-scheduled": "A reboot is pending. Wait for it, or cancel it with cancelReboot.",
  "archive-invalid":
    "The image is no archive that this board can unpack: damaged, cut off, or of an unknown format. Pack a tar file (plain, gzip, xz or zstd), then publish it again.",
  "archive-too-large":
    "The archive unpacks to more than its publisher has signed, or more than the disk holds. Publish it again with boardkeeper repo publish.",
  "archive-unsafe":
    "The archive holds what a release may not have: a path or link that leads out, a device, a set-user-ID file, a name twice. The message names the entry; pack without it.",
  "bad-address": "The image's address is not one that this board can fetch. Give an https:// URL.",
  "bad-digest": "The downloaded image is not the requested one. Check the address and the check value.",
  "bad-request": "A key of the request has an invalid value. Correct it; the message names it.",
  "bad-response":
    "The server's response is not the image: a page, an encoding, a redirect to nowhere, too many headers. Check the address and the server; the message says what came.",
  "bad-size": "The image's size differs from what the request or the server says. Check the file on the server.",
  "board-config-invalid":
    "/etc/boardkeeper/board.conf, which root obeys, cannot be used: a line is not understood, or others than root may write to it. Correct it on the board.",
  "clock-not-set": "The board's clock has not been set, so the board cannot wait for a time. Give a delay instead.",
  "disk-error":
    "The image could not be written to the board's disk. Check the disk: read-only, worn out, unmounted, immutable, or not opened to the service (configuration.md).",
  "epoch-too-low":
    "The image's epoch is below the floor of this board, which rises with each commit. Request a newer version.",
  "fell-back":
    "The new system did not start, and the boot loader fell back to the old one. Test the image on a board at hand.",
  "helper-busy":
    "Root's install helper still works for another request. Try again; if it recurs, see what it runs: journalctl -u 'boardkeeper-install@*'.",
  "http-status": "The server refused the image. Check the address, and whether a signed one has expired.",
  "image-changed":
    "The staged image was damaged on the board's disk. Request the update again; if it recurs, replace the storage.",
  "image-too-large": "The image is larger than this board accepts. Raise update.max-image-size, or shrink the image.",
  inhibited:
    "A program on the board holds an inhibitor lock against a shutdown. Wait until it is released, or request the reboot with force.",
  "insecure-address": "Plain http is not allowed. Serve the image over https, or set update.allow-http.",
  "insecure-redirect": "The server redirected from https to http, which is never followed. Correct its redirects.",
  "install-cancelled":
    "The update was cancelled while it was installed, before anything was switched. The message says what stays on the board. If it is still wanted, request it again with a new operationId.",
  "installer-failed": "The installer failed. The end of its output is in the message; correct what it names.",
  "installer-not-allowed":
    "Root may not run an installer on this board. Its owner names the program in /etc/boardkeeper/installer.",
  "installer-timed-out":
    "The installer took longer than its time limit. Raise the limit, or find out what it waits for.",
  internal: "A fault in the agent. Its log has the details: please report it.",
  "interrupted-too-often":
    "The board lost power or the agent crashed again and again. Find out why, then request the update again.",
  "lease-expired":
    "The time by which the update was to begin (startBy) had passed, so the board did not begin it. If it is still wanted, request it again with a new operationId and a later startBy.",
  "manifest-unsupported":
    "This agent reads no manifests: signatures are in the metadata of update.repository. Leave fwManifestUri out.",
  "metadata-expired":
    "The root or the targets of the repository have expired. Sign the root again with boardkeeper repo rotate, the targets with boardkeeper repo refresh; check the board's clock.",
  "metadata-invalid":
    "A metadata file of the repository is damaged, cut short or not of the right form. Check what the server sends; the message names the file.",
  "metadata-mismatch":
    "The repository's metadata files do not belong together. Copy its metadata folder again, as a whole.",
  "metadata-missing":
    "The repository lacks a metadata file, or the board has not read it yet. Check update.repository, and that metadata/ was copied as a whole.",
  "metadata-rollback": "The repository is older than what the board has seen. Serve its newest files again.",
  "metadata-signature":
    "A metadata file of the repository lacks valid signatures of the keys that this board trusts: it was changed, or copied before a key was changed. Copy the whole repository again; if it stays so, do not use it until its publisher has explained it.",
  "metadata-stale":
    "The repository's timestamp or snapshot is out of date, and this board refuses that (update.refuse-stale). Sign it again with boardkeeper repo refresh.",
  "metadata-too-large":
    "A metadata file of the repository is larger than boards read, or lists too many images. Retire old versions and publish again.",
  "no-installer": "The board's owner has configured no installer. Set update.installer in its configuration.",
  "no-space":
    "The board's disk or its quota has no room for the image. Free some space, or raise update.staging-quota.",
  "not-resumable":
    "The download had to start from the first byte too often. Serve a file that does not change, from a server that answers range requests.",
  "not-proven":
    "The new system did not become healthy in time, so the board rolled back. Correct what the message names.",
  "not-signed": "No signed image for this board has the requested digest. Publish the image for this board.",
  "nothing-running": "No such update is running.",
  "nothing-scheduled": "No such reboot is scheduled.",
  "nothing-staged": "No staged update waits for approval.",
  "operation-id-in-use":
    "The operation id belongs to another operation: another kind, version or digest. Give each operation an id of its own.",
  "previous-too-old": "The image needs a version between to be installed first. Install and commit that one.",
  "proxy-invalid":
    "A proxy variable of the agent's environment (https_proxy, http_proxy or all_proxy) does not hold a proxy's address. Set it to http://host:port, then restart the agent.",
  "reboot-never-came": "The board was to reboot and did not. Check systemd's log on the board.",
  replaced:
    "Another desired document took the place of this update before it began to change the board. Declare it again to start it.",
  "restarts-too-often":
    "The new system, or the agent in it, started too often without passing the health check. Check its logs.",
  "revert-failed":
    "The installer reverted, but the new version still runs. Check the board on site, or request an update to a good image.",
  "rewritten-too-often":
    "The same image was written again and again and never proven, so it is not written any more: each time wears the disk. Find out why it fails; the message says how to allow it again.",
  "rollback-failed":
    "The update failed, and the board could not go back to the old system. It may run or boot one that is not proven. Check it on site, or request an update to a good image.",
  "root-rotation":
    "The repository's next root does not follow from the one that the board trusts: one is left out, or it is another publisher's. Serve every version of the root; check update.repository.",
  starting:
    "The agent is still recovering its saved state. Call again; if this persists, check the board's disk and installer.",
  "state-in-slot":
    "The agent's state lies where the update would replace it. Move agent.state-dir to another partition, and open that to the service (configuration.md).",
  "state-lost":
    "The latest saved state is damaged, or a newer release wrote it. Check the board's disk, then request it again.",
  "state-not-saved": "The agent cannot save its state. Check the board's disk: full, read-only or worn out.",
  "too-late":
    "The image is already installed, or the reboot has started. An update ends by itself: committed, or rolled back to the old system.",
  "too-many-redirects": "The server redirects too often. Correct its redirects.",
  unreachable:
    "The image's server could not be reached, the connection was lost, or the download's deadline passed. Check the server and the network; a new request resumes the download.",
  "trust-root-missing":
    "This board has no trust root, so it cannot tell who may publish for it. On the board: sudo boardkeeper-agent trust add root.json",
  "trust-store-damaged":
    "The board's trust root cannot be read, nor made anew from /etc/boardkeeper/root.json. Give it its root again: sudo boardkeeper-agent trust add root.json",
  "unknown-method": "The board has no such method. The message lists those it has.",
  "update-running": "Another update is running. Wait for it, or cancel it with cancelFirmwareUpdate.",
  "version-in-use": "The board runs another image under this version. Give each image a version of its own.",
  "version-not-published":
    "The repository has no such version for this board. Publish it, or request one that it lists.",
  "version-unknown":
    "The installer cannot tell which version runs, or prints an invalid version. Check its running-version command on the board.",
  "window-missing":
    "No maintenance window is configured on this board. Set maintenance.windows, or request it without a window.",
  withdrawn:
    "The desired document that declared this update was withdrawn before it began to change the board. Declare it again to start it.",
  "wrong-board": "The image is signed for other boards. Request one that is for this board.",
  "wrong-installer": "The image is made for another installer than the board's. Publish it for this installer.",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errorCodes, value);
}

/** Failures of a download that do not put the bytes that have arrived in doubt. */
const keepBytes: ReadonlySet<string> = new Set<ErrorCode>([
  "bad-address",
  "bad-response",
  "http-status",
  "insecure-address",
  "insecure-redirect",
  "interrupted-too-often",
  "proxy-invalid",
  "too-many-redirects",
  "unreachable",
]);

/** Whether the bytes of a failed download are kept: a new request for the same image resumes from them. */
export function keepsDownloadedBytes(code: string): boolean {
  return keepBytes.has(code);
}
