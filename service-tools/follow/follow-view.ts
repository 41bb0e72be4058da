import type { Screen } from "../screen/screen.ts";
import type { Timer } from "../timer.ts";
import { LiveView } from "./live-view.ts";
import { PlainView } from "./plain-view.ts";
import type { Scene } from "./scene.ts";

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
