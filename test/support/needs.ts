import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import type { TestOptions } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** Why this test is left out: what the machine or its user lacks. */
    leftOut?: string;
  }
}

const isRoot = process.geteuid?.() === 0;

/** Starts the command that follows with a mount namespace of its own, in which it is root. */
export const withOwnMounts: readonly [string, ...string[]] = [
  "unshare",
  ...(isRoot ? [] : ["--map-root-user"]),
  "--mount",
];

/** Starts the command that follows as a user who owns nothing and belongs to no group of root's. */
export const asStranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] as const;

/** Mounts an overlay over /etc. It is kept in memory, in /tmp. */
const overlayEtc =
  "mount -t tmpfs tmpfs /tmp && mkdir /tmp/upper /tmp/work && " +
  "mount -t overlay overlay -o lowerdir=/etc,upperdir=/tmp/upper,workdir=/tmp/work /etc";

/** What a machine or its user may lack: a command that succeeds only where it is there, and what to say where not. */
const needed = {
  "another user": {
    probe: [...asStranger, "test", "-x", tmpdir()],
    lack: "only root can start a program as another user, who must be able to enter the temporary folder: run it as root",
  },
  mounts: {
    probe: [...withOwnMounts, "mount", "-t", "tmpfs", "tmpfs", "/tmp"],
    lack: "this user may not mount a file system, not even in a user namespace: run it as root",
  },
  "an overlay of /etc": {
    probe: [...withOwnMounts, "sh", "-c", overlayEtc],
    lack: "this user may not mount an overlay, not even in a user namespace: run it as root",
  },
  "immutable files": {
    probe: ["sh", "-c", 'file=$(mktemp) && chattr +i "$file" && chattr -i "$file" && rm "$file"'],
    lack: "chattr +i is not allowed here, or not known to this file system: run it as root, with TMPDIR on ext4, xfs or btrfs",
  },
  "loop devices": {
    probe: [
      "sh",
      "-c",
      'file=$(mktemp) && truncate --size=1M "$file" && device=$(losetup --find --show "$file"); ended=$?; rm "$file"; [ $ended = 0 ] && losetup --detach "$device"',
    ],
    lack: "no file can be made a block device here: run it as root, with loop devices",
  },
  strace: {
    probe: ["strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--output=/dev/null", "true"],
    lack: "strace is not installed, or not allowed to trace: install the package strace",
  },
  faketime: {
    probe: ["faketime", "-f", "-1d", "true"],
    lack: "faketime is not installed: install the package faketime",
  },
} as const;
type Need = keyof typeof needed;

const answers = new Map<Need, boolean>();

function isThere(need: Need): boolean {
  const known = answers.get(need);
  if (known !== undefined) return known;
  const [program, ...args] = needed[need].probe;
  const found = spawnSync(program, args, { stdio: "ignore" }).status === 0;
  answers.set(need, found);
  return found;
}

/**
 * Options of a test that needs something of the machine. Where it is not there the test is left out, and the report at the
 * end of the run names it and the reason.
 */
export function needs(...those: readonly Need[]): TestOptions {
  const lacking = those.filter((need) => !isThere(need));
  if (lacking.length === 0) return {};
  return { skip: true, meta: { leftOut: lacking.map((need) => needed[need].lack).join("; ") } };
}
