import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, writeFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readServerCertificate } from "../../service-tools/local-hub/tls/credentials.ts";
import type { LocalHub } from "../../service-tools/local-hub/options.ts";

const MiB = 2 ** 20;

export interface SiteImage {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** An image of random bytes, or of zeros that take no room. */
export async function makeImage(file: string, sizeMiB: number, content: "random" | "zeros"): Promise<SiteImage> {
  const hash = createHash("sha256");
  const image = await open(file, "wx");
  const block = content === "random" ? randomBytes(MiB) : Buffer.alloc(MiB);
  for (let written = 0; written < sizeMiB; written += 1) {
    if (content === "random") {
      block.writeUInt32LE(written); // No two of them alike.
      await image.write(block);
    }
    hash.update(block);
  }
  await image.truncate(sizeMiB * MiB);
  await image.sync();
  await image.close();
  return { file, sha256: hash.digest("hex"), bytes: sizeMiB * MiB };
}

export interface ImageSite {
  /** Without a slash at its end. */
  readonly origin: string;
  stop(): Promise<void>;
}

/**
 * Debian's nginx over the files of a folder, in a process of its own, with the hub's certificate: several times as fast as
 * any client here, so that it is the clients that are measured.
 */
export async function serveFolder(hub: LocalHub, root: string, folder: string): Promise<ImageSite> {
  await mkdir(folder, { recursive: true });
  const pair = await readServerCertificate(hub.folder);
  if (pair === undefined) throw new Error("The local hub has no certificate yet.");
  await writeFile(join(folder, "server.pem"), pair.certificate + pair.privateKey, { mode: 0o600 });
  const port = await freePort();
  const config = join(folder, "nginx.conf");
  await writeFile(
    config,
    `user root; worker_processes 1; daemon off; pid ${folder}/pid; error_log stderr error;
events {}
http {
  access_log off; sendfile on;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/server.pem; ssl_certificate_key ${folder}/server.pem;
    root ${root};
  }
}
`,
  );
  const nginx = spawn("nginx", ["-c", config, "-p", folder, "-e", "stderr"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = once(nginx, "exit");
  let over = false;
  ended.finally(() => (over = true)).catch(() => undefined);
  while (!(await answers(port))) {
    if (over) throw new Error("nginx did not start. Read its output above.");
    await sleep(20);
  }
  return {
    origin: `https://localhost:${port}`,
    stop: async () => {
      nginx.kill("SIGTERM");
      await ended;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false; // Not listening yet.
  } finally {
    socket.destroy();
  }
}
