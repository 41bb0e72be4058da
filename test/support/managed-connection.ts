import type { JsonObject } from "../../agent/contract/json.ts";
import { ConnectionManager, type ConnectionHandlers } from "../../agent/hub/connection-manager.ts";
import { QuotaCounter } from "../../agent/hub/quota-counter.ts";
import { FakeConnection } from "./fake-connection.ts";
import { fakeRuntime } from "./fake-runtime.ts";
import { FakeTime } from "./fake-time.ts";
import { quiet } from "./logs.ts";

export interface ManagedConnection {
  readonly time: FakeTime;
  readonly manager: ConnectionManager;
  readonly handlers: ConnectionHandlers;
  readonly quota: QuotaCounter;
  readonly seen: string[];
  readonly sends: ((patch: JsonObject) => Promise<void>)[];
  /** What is said on the log at warning level. */
  readonly warnings: Record<string, unknown>[];
  attempts: number;
  /** Methods are answered after this. */
  answer: Promise<void>;
}

/** A connection manager whose attempts end as the list says; the last one is repeated. */
export function managedConnection(
  outcomes: (FakeConnection | Error)[],
  hubTimeMs?: (signal: AbortSignal) => Promise<number | null>,
): ManagedConnection {
  const time = new FakeTime();
  const seen: string[] = [];
  const quota = new QuotaCounter();
  const made: ManagedConnection = {
    quota,
    time,
    seen,
    sends: [],
    warnings: [],
    attempts: 0,
    answer: Promise.resolve(),
    handlers: {
      onMethod: async (name) => {
        await made.answer;
        return { status: 200, payload: { Response: name } };
      },
      onMethodAnswered: () => undefined,
      onDesired: (desired, version) => seen.push(`desired ${version} ${JSON.stringify(desired)}`),
      onConnected: (reported, send) => {
        seen.push(`up ${JSON.stringify(reported)}`);
        made.sends.push(send);
      },
      onReportedRead: (reported) => seen.push(`reported ${JSON.stringify(reported)}`),
      onDisconnected: () => seen.push("down"),
    },
    manager: new ConnectionManager({
      connect: () => {
        const outcome = outcomes[Math.min(made.attempts, outcomes.length - 1)];
        made.attempts += 1;
        return outcome instanceof FakeConnection ? Promise.resolve(outcome) : Promise.reject(outcome);
      },
      ...fakeRuntime({
        time,
        log: { ...quiet, warn: (fields: Record<string, unknown>) => made.warnings.push(fields) },
      }),
      quota,
      hubTimeMs,
    }),
  };
  return made;
}
