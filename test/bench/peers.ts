import { execFile } from "node:child_process";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { SiteImage } from "./image-site.ts";

const run = promisify(execFile);

/** What one download, digested, written and synced, has cost a whole process, its children included. */
export interface Cost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Of the largest process; in bytes. */
  readonly peakBytes: number;
}

/** Something else that downloads, digests, writes and syncs. Rejects when what it wrote is not the image. */
export interface Peer {
  readonly name: string;
  take(): Promise<Cost>;
}

export function curlPeer(folder: string, url: string, caFile: string, image: SiteImage): Peer {
  const out = join(folder, "curl.img");
  const script = `set -euo pipefail
curl -sSf --cacert '${caFile}' '${url}' | tee '${out}' | sha256sum >'${out}.sha256'
sync '${out}'`;
  return {
    name: "`curl \\| tee \\| sha256sum`, `sync`",
    take: async () => {
      await rm(out, { force: true });
      const cost = await measured(folder, ["bash", "-c", script]);
      const digest = await readFile(`${out}.sha256`, "utf8");
      if (!digest.startsWith(image.sha256)) throw new Error(`curl brought something else: ${digest}`);
      await rm(out);
      return cost;
    },
  };
}

/** The least that a download can be: nothing is digested. */
export function curlFilePeer(folder: string, url: string, caFile: string, image: SiteImage): Peer {
  const out = join(folder, "curl-file.img");
  const script = `set -euo pipefail
curl -sSf --cacert '${caFile}' -o '${out}' '${url}'
sync '${out}'`;
  return {
    name: "`curl -o`, `sync`",
    take: async () => {
      await rm(out, { force: true });
      const cost = await measured(folder, ["bash", "-c", script]);
      const { stdout } = await run("sha256sum", [out]);
      if (!stdout.startsWith(image.sha256)) throw new Error(`curl -o brought something else: ${stdout}`);
      await rm(out);
      return cost;
    },
  };
}

/** The shortest download that Node can do: no peer to reach, but what Node itself costs. */
export function naivePeer(folder: string, url: string, caFile: string, image: SiteImage): Peer {
  const out = join(folder, "naive.img");
  const script = `'${process.execPath}' dist/bench/naive-download.js '${url}' '${caFile}' '${out}' >'${out}.sha256'`;
  return {
    name: "Node: `https.get`, `createHash`, `createWriteStream`, `fsync`",
    take: async () => {
      await rm(out, { force: true });
      const cost = await measured(folder, ["bash", "-c", script]);
      const digest = await readFile(`${out}.sha256`, "utf8");
      if (!digest.startsWith(image.sha256)) throw new Error(`Node brought something else: ${digest}`);
      await rm(out);
      return cost;
    },
  };
}

/**
 * swupdate, which checks a signature (CMS) and the digest that it covers, streams the image into a file, and syncs it. It
 * takes no authority for TLS on its command line, so it sees the hub's in place of the system's, in a mount namespace of its own.
 */
export async function swupdatePeer(folder: string, origin: string, caFile: string, image: SiteImage): Promise<Peer> {
  const out = join(folder, "swupdate.img");
  const [key, certificate, packed] = ["signer.key", "signer.pem", "image.swu"].map((name) => join(folder, name));
  // The purpose is what swupdate expects of a signer.
  const signer = `openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bench \\
  -addext extendedKeyUsage=emailProtection -keyout '${key}' -out '${certificate}'`;
  await run("bash", ["-euc", signer]);
  await writeFile(
    join(folder, "sw-description"),
    `software = {
  version = "2.0.0";
  hardware-compatibility = [ "1.0" ];
  files: ( { filename = "image"; path = "${out}"; sha256 = "${image.sha256}"; installed-directly = true; } );
}
`,
  );
  await link(image.file, join(folder, "image"));
  const sign = `cd '${folder}'
openssl cms -sign -in sw-description -out sw-description.sig -signer '${certificate}' -inkey '${key}' -outform DER -nosmimecap -binary
printf 'sw-description\\nsw-description.sig\\nimage\\n' | cpio -o -H crc --quiet >'${packed}'
sync '${packed}'`;
  await run("bash", ["-euc", sign]);
  const install = `mount --bind '${caFile}' /etc/ssl/certs/ca-certificates.crt
swupdate -H bench:1.0 -k '${certificate}' -l 1 -d '-u ${origin}/${basename(packed ?? "")}'
sync '${out}'`;
  return {
    name: "`swupdate`, `sync`",
    take: async () => {
      await rm(out, { force: true });
      const cost = await measured(folder, ["unshare", "--mount", "bash", "-euc", install]);
      const { stdout } = await run("sha256sum", [out]);
      if (!stdout.startsWith(image.sha256)) throw new Error(`swupdate brought something else: ${stdout}`);
      await rm(out);
      return cost;
    },
  };
}

/** Runs a command to its end under GNU time, which asks the kernel (wait4) what it and its children have used. */
async function measured(folder: string, command: readonly string[]): Promise<Cost> {
  const file = join(folder, "time");
  await run("/usr/bin/time", ["-f", "%e %U %S %M", "-o", file, ...command]);
  const [wall = 0, user = 0, system = 0, kilobytes = 0] = (await readFile(file, "utf8")).split(" ").map(Number);
  return { wallSeconds: wall, cpuSeconds: user + system, peakBytes: kilobytes * 1_024 };
}
