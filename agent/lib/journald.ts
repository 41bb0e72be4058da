import { pino, symbols, type DestinationStream } from "pino";

/** The priorities of syslog(3) for pino's levels; journald reads them in front of a line (sd-daemon(3)). */
const priorities: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

/** A line with its priority in front. `level` is pino's number. */
function withPriority(level: number, line: string): string {
  return `<${priorities[level] ?? 6}>${line}`;
}

/** Writes lines to journald, each with its priority in front. To stdout unless given, synchronously. */
export function journaldDestination(to: DestinationStream = pino.destination({ sync: true })): DestinationStream {
  const destination = {
    [symbols.needsMetadataGsym]: true,
    lastLevel: 30, // Set by pino before each line.
    write(line: string): void {
      to.write(withPriority(this.lastLevel, line));
    },
  };
  return destination;
}

/** A text about a failed start: each line gets the priority of an error where journald reads it. */
export function withErrorPriority(text: string, toJournald: boolean): string {
  return toJournald ? text.replaceAll(/^(?=.)/gm, "<3>") : text;
}

/**
 * Whether a stream is connected to journald, by JOURNAL_STREAM of systemd.exec(5): device and inode of the stream that
 * systemd has set up. The variable alone is not enough: it is inherited when the stream is redirected.
 */
export function isJournaldStream(
  env: Readonly<Record<string, string | undefined>>,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): boolean {
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`;
}
