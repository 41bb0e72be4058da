import type { Disk } from "./disk.ts";
import type { Machine } from "./machine.ts";

/** Where the connection string lies on a board, for root alone. */
const credential = "/etc/boardkeeper/credentials/connection-string";

/** As systemd-timesyncd leaves it. The host's clock is right, and nobody in the container could set it. */
const clockIsSet = "d /run/systemd/timesync\nf /run/systemd/timesync/synchronized\n";

/** What a root file system needs to be booted as a machine that is on the host's network. */
export async function prepare(disk: Disk): Promise<void> {
  await disk.write("/etc/hosts", "127.0.0.1 localhost\n");
  await disk.write("/etc/tmpfiles.d/clock-is-set.conf", clockIsSet);
}

/** As `boardkeeper-agent provision` leaves a board, while it is off. */
export async function provision(disk: Disk, connectionString: string, ca: string): Promise<void> {
  await disk.write(credential, connectionString, 0o600);
  await disk.write("/etc/boardkeeper/hub-ca.pem", ca);
  await disk.write("/etc/boardkeeper/agent.toml.d/rig.toml", '[hub]\nca-file = "/etc/boardkeeper/hub-ca.pem"\n');
}

/** The owner of a board lets it install images that nobody has signed. */
export async function allowUnsigned(disk: Disk): Promise<void> {
  await disk.write("/etc/boardkeeper/board.conf", "update.allow-unsigned = yes\n");
}

/** Waits until another connection string would be noticed: not while the service runs that the path unit has started. */
export async function watched(machine: Machine): Promise<void> {
  await machine.shell(
    'until [ "$(systemctl show -P SubState boardkeeper-credential.path)" = waiting ]; do sleep 0.1; done',
  );
}
