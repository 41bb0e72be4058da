import { FakeHubClient } from "../../service-tools/hub-client/fake-hub-client.ts";
import type { HubClient } from "../../service-tools/hub-client/hub-client.ts";
import { Interrupted } from "../../service-tools/cli/errors.ts";
import type { Prompt } from "../../service-tools/cli/prompt.ts";
import type { Screen } from "../../service-tools/cli/screen.ts";
import type { Timer } from "../../service-tools/cli/timer.ts";
import type { Context } from "../../service-tools/context.ts";
import { FakeTime } from "./fake-time.ts";

/** Collects what is written. */
export class FakeScreen implements Screen {
  text = "";
  isTerminal = false;
  columns = 80;
  hasColour = false;

  write(text: string): void {
    this.text += text;
  }
}

/** Answers questions by what they ask for; without an answer, nobody is there. */
export class FakePrompt implements Prompt {
  isInteractive = false;
  readonly asked: string[] = [];
  answer: (question: string) => string = (question) => {
    throw new Error(`Nobody answers: ${question}`);
  };

  line = (question: string): Promise<string> => this.secret(question);

  secret(question: string): Promise<string> {
    this.asked.push(question);
    return Promise.resolve(this.answer(question));
  }
}

/** scrypt as cheap as it can be. */
const cheap = { N: 2, r: 1, p: 1 };

const absent = { executable: "/nonexistent", arguments: [] };

/** A context for unit tests: the test controls the time, and the hub is in memory. */
export class FakeContext implements Context {
  env = {};
  readonly out = new FakeScreen();
  readonly err = new FakeScreen();
  readonly prompt = new FakePrompt();
  readonly passphraseCost = cheap;
  readonly time: FakeTime;
  readonly timer: Timer = {
    nowMs: () => this.time.nowMs(),
    after: (delayMs, signal) => this.time.after(delayMs, signal),
    every: () => ({ stop: () => undefined }),
  };
  readonly hub = new FakeHubClient();
  client: HubClient = this.hub;
  readonly #ctrlC = new AbortController();
  readonly interrupted = this.#ctrlC.signal;
  readonly programs = { cli: absent, agent: absent, agentCommand: "boardkeeper-agent" };
  ids = 0;

  constructor(time = new FakeTime()) {
    this.time = time;
  }

  now = (): Date => this.time.now();
  newOperationId = (): string => `id-${(this.ids += 1)}`;
  connect = (): Promise<HubClient> => Promise.resolve(this.client);
  pollIntervalMs = (): number => 1_000;
  publishImage: Context["publishImage"] = () => Promise.reject(new Error("no image server"));
  atExit = (): (() => void) => () => undefined;

  ctrlC(): void {
    this.#ctrlC.abort(new Interrupted("Interrupted."));
  }
}
