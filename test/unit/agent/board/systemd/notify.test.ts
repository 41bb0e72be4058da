import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { systemdServiceManager } from "../../../../../agent/board/systemd/notify.ts";
import { createLog } from "../../../../../agent/lib/log.ts";
import { quiet } from "../../../../support/logs.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const program = "systemd/libexec/with-notify-socket";

/** What a process says that is started through the program, and by which process the kernel says it was said. */
const systemd = `
  use Socket;
  socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die;
  bind($socket, pack_sockaddr_un($ARGV[0] =~ s/^@/\\0/r)) or die;
  $| = 1;
  print "listening\\n";
  recv($socket, my $message, 4096, 0);
  print $message, "\\n";
`;

it.each([
  { socket: "a file", nameOf: (folder: string) => join(folder, "notify"), stdio: [] },
  { socket: "a name without a file", nameOf: (folder: string) => `@${folder}`, stdio: [] },
  // Whoever starts the agent by hand may have files open.
  {
    socket: "a file, beside two inherited descriptors,",
    nameOf: (folder: string) => join(folder, "notify"),
    stdio: ["ignore", "ignore"],
  },
] as const)(
  "a process that is started through with-notify-socket reaches $socket by a descriptor of its own",
  async ({ nameOf, stdio }) => {
    const folder = await temporaryFolder();
    const [path, agent] = [nameOf(folder), join(folder, "agent.mjs")];
    const contents = `
    import { systemdServiceManager } from "./agent/board/systemd/notify.ts";
    import { execFileSync } from "node:child_process";
    import { readlinkSync } from "node:fs";
    const own = 3 + process.env.LISTEN_FDNAMES.split(":").indexOf("notify");
    const childHas = execFileSync("ls", ["-l", "/proc/self/fd"]).toString().includes(readlinkSync("/proc/self/fd/" + own));
    systemdServiceManager(process.env, console).notify("READY=1", "STATUS=Two\\nlines.", "CHILD=" + childHas);
  `;
    await build({
      stdin: { contents, resolveDir: "." },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile: agent,
    });
    const listener = spawn("perl", ["-e", systemd, path]);
    const heard = once(listener, "close");
    let message = "";
    listener.stdout.setEncoding("utf8").on("data", (text: string) => (message += text));
    await once(listener.stdout, "data");
    const env = { PATH: process.env["PATH"], NOTIFY_SOCKET: path };
    const child = spawn(program, [process.execPath, agent], {
      env,
      stdio: ["inherit", "inherit", "inherit", ...stdio],
    });
    await Promise.all([once(child, "close"), heard]);
    // A program that the agent starts cannot speak for it.
    expect(message).toBe("listening\nREADY=1\nSTATUS=Two lines.\nCHILD=false\n");
  },
);

it("sends nothing without systemd, or where the socket is for another process", () => {
  for (const env of [{}, { LISTEN_PID: "1", LISTEN_FDS: "1", LISTEN_FDNAMES: "notify" }]) {
    const manager = systemdServiceManager(env, quiet);
    expect(manager.watchdogMs).toBeNull();
    expect(() => manager.notify("READY=1")).not.toThrow();
  }
});

it("a systemd that waits for notifications and passed no socket for them is logged, with the remedy", () => {
  const lines: string[] = [];
  systemdServiceManager(
    { NOTIFY_SOCKET: "/run/systemd/notify" },
    createLog("info", { write: (line) => lines.push(line) }),
  );
  expect(lines).toEqual([expect.stringContaining("with-notify-socket")]);
});
