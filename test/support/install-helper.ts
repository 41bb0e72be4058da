import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { StagedImage } from "../../agent/update/ports.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Root's install helper, listening as its socket unit does, run by the test's own user. */
export interface RunningInstallHelper {
  readonly socket: string;
  readonly folder: string;
  /** The file in which the owner names the program. */
  readonly permission: string;
  readonly program: string;
  /** The helper's own folder. */
  readonly own: string;
  /** Resolves when every helper that was started so far has ended. */
  readonly closed: () => Promise<unknown>;
}

/**
 * @param script of the owner's program, which runs in `folder`
 * @param fakes programs that the helper finds before the system's
 */
export async function startInstallHelper(
  script = ":",
  fakes: Readonly<Record<string, string>> = {},
): Promise<RunningInstallHelper> {
  const folder = await temporaryFolder();
  const [program, permission] = [join(folder, "installer"), join(folder, "permission")];
  const [own, bin, socket] = [join(folder, "own"), join(folder, "bin"), join(folder, "socket")];
  for (const one of [own, bin]) await mkdir(one);
  for (const [name, text] of Object.entries(fakes))
    await writeFile(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  await writeFile(program, `#!/bin/sh\ncd ${folder}\n${script}\n`);
  await chmod(program, 0o755);
  await writeFile(permission, `${program}\n`);
  await chmod(permission, 0o644);
  const env = {
    PATH: `${bin}:${process.env["PATH"]}`,
    SECRET: "of the service",
    BOARDKEEPER_INSTALLER: permission,
    BOARDKEEPER_INSTALL_FOLDER: own,
  };
  const helpers: Promise<unknown>[] = [];
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (connection) => {
    const helper = spawn("systemd/libexec/install-helper", { env, stdio: [connection, "ignore", "inherit"] });
    connection.destroy(); // The helper has its own end of it.
    helpers.push(once(helper, "close"));
  });
  server.listen(socket);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return {
    socket,
    folder,
    permission,
    program,
    own,
    closed: () => Promise.all(helpers),
  };
}

/** An image as the agent has staged it. */
export async function stagedImage(content = "an image"): Promise<StagedImage> {
  const path = join(await temporaryFolder(), "x.image");
  await writeFile(path, content);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { path, sha256, sizeBytes: Buffer.byteLength(content), version: "2.0.0", operationId: "op-1" };
}
