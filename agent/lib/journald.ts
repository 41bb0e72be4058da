import { pino, symbols, type DestinationStream } from "pino";

/** What journald takes a line for: the numbers of syslog(3), written in front of it (sd-daemon(3)). */
const priorities: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

/** A line with its priority, by pino's number for its level. */
function withPriority(level: number, line: string): string {
  return `<${priorities[level] ?? 6}>${line}`;
}

/** Where lines for journald go: each with its priority in front. Stdout unless told, written at once. */
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

/** A text for people who look at a failed start: each of its lines an error, where journald reads them. */
export function withErrorPriority(text: string, toJournald: boolean): string {
  return toJournald ? text.replaceAll(/^(?=.)/gm, "<3>") : text;
}

/**
 * Whether a stream is connected to journald, by JOURNAL_STREAM of systemd.exec(5): device and inode of the stream that
 * systemd has set up. Whoever redirects it elsewhere still inherits the variable.
 */
export function isJournaldStream(
  env: Readonly<Record<string, string | undefined>>,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): boolean {
  return env["JOURNAL_STREAM"] === `${dev}:${ino}`;
}
