import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { StoredMetadata } from "../../../agent/trust/ports.ts";
import { refreshMetadata } from "../../../agent/trust/refresh.ts";
import { selectTarget } from "../../../agent/trust/select-target.ts";
import { HttpsSource } from "../../../agent/board/image/https-source.ts";
import { repositorySource } from "../../../agent/download/repository-source.ts";
import { systemTimer } from "../../../agent/board/hardware/clocks.ts";
import { board, folder, refreshes, report, repository } from "./arguments.ts";

/* Our verifier on the way that the agent reads a repository; its files are in a folder as tuf-js has them, written without fsync. */

const facts = { floor: 0, boards: [board], agentVersion: "1.0.0", installer: undefined };
const http = new HttpsSource({ allowHttp: true, ca: undefined, userAgent: "boardkeeper" });
const source = repositorySource(repository, http, systemTimer);
let images = 0;
for (let turn = 0; turn < Number(refreshes); turn += 1) {
  const refreshed = await refreshMetadata({
    stored: load(),
    record: { floor: 0, issued: null },
    source,
    clock: { nowMs: Date.now(), isSynchronized: true },
    boards: [board],
    refuseStale: true,
  });
  save(refreshed.stored);
  if (!refreshed.ok) throw refreshed.error;
  const { trusted } = refreshed;
  images = trusted.targets.filter(({ sha256 }) => selectTarget(trusted, { sha256 }, facts, "bench").ok).length;
}
report(images);

function load(): StoredMetadata {
  const read = (name: string): Buffer | undefined => {
    const path = `${folder}/${name}.json`;
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  const role = read(board);
  return {
    root: read("root") ?? Buffer.alloc(0),
    timestamp: read("timestamp"),
    snapshot: read("snapshot"),
    targets: read("targets"),
    roles: new Map(role === undefined ? [] : [[board, role]]),
  };
}

function save({ root, timestamp, snapshot, targets, roles }: StoredMetadata): void {
  const files = Object.entries({ root, timestamp, snapshot, targets, [board]: roles.get(board) });
  for (const [name, bytes] of files) if (bytes !== undefined) writeFileSync(`${folder}/${name}.json`, bytes);
}
