import type { Screen } from "../cli/screen/screen.ts";
import type { Timer } from "../cli/timer.ts";
import { LiveView } from "./tty-progress.ts";
import { PlainView } from "./plain-progress.ts";
import type { Scene } from "./tracker.ts";

/** Where an operation is shown while it is followed. */
export interface FollowView {
  show(scene: Scene): void;
  /** The hub cannot be asked at the moment; it is tried again. */
  trouble(sentence: string): void;
  /** No more is shown. */
  close(ending: "good" | "bad" | "open"): void;
}

/** A live line on a terminal; one plain line for each phase elsewhere. */
export function followView(screen: Screen, timer: Timer): FollowView {
  return screen.isTerminal ? new LiveView(screen, timer) : new PlainView(screen, timer);
}
