import { readFileSync } from "node:fs";
import { Updater } from "tuf-js";
import { folder, refreshes, report, repository } from "./arguments.ts";

/* tuf-js with what it brings along: its fetcher, and files that it writes into a folder. Each image is looked up by its path. */

const paths = JSON.parse(readFileSync(`${folder}/paths.json`, "utf8")) as readonly string[];
let images = 0;
for (let turn = 0; turn < Number(refreshes); turn += 1) {
  const updater = new Updater({ metadataDir: folder, metadataBaseUrl: `${repository}/metadata` });
  await updater.refresh();
  images = 0;
  for (const path of paths) if ((await updater.getTargetInfo(path)) !== undefined) images += 1;
}
report(images);
