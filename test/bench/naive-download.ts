import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { pipeline } from "node:stream/promises";

/*
 * What scripts/bench stage shows beside the agent, to show Node's own cost: the shortest download that digests,
 * writes and syncs. node naive-download.js URL CA FILE prints the digest.
 */

const [url = "", caFile = "", path = ""] = process.argv.slice(2);
const [response] = (await once(get(url, { ca: await readFile(caFile) }), "response")) as [IncomingMessage];
const hash = createHash("sha256");
response.on("data", (chunk: Buffer) => hash.update(chunk));
await pipeline(response, createWriteStream(path));
const file = await open(path);
await file.sync();
await file.close();
process.stdout.write(`${hash.digest("hex")}\n`);
