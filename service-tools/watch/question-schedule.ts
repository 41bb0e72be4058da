/** A board whose twin does not change for so long is asked; then each time after twice as long. */
const quietMs = 60_000;

/** When to ask a board itself, because its twin has not changed for a while: a call costs messages of the hub's quota. */
export class QuestionSchedule {
  #shown = "";
  #changedAtMs: number;
  #askAtMs: number;

  constructor(nowMs: number) {
    this.#changedAtMs = nowMs;
    this.#askAtMs = nowMs + quietMs;
  }

  /** There is a reason to ask now. The schedule goes on from there. */
  askSoon(nowMs: number): void {
    this.#askAtMs = Math.min(this.#askAtMs, nowMs);
  }

  /** Whether nothing has changed for so long that the board should be asked. @param shown what its twin says now */
  isDue(shown: unknown, isOnline: boolean, nowMs: number): boolean {
    const text = JSON.stringify(shown);
    if (text !== this.#shown) {
      this.#shown = text;
      this.#changedAtMs = nowMs;
      this.#askAtMs = nowMs + quietMs;
    }
    if (nowMs < this.#askAtMs || !isOnline) return false;
    this.#askAtMs = nowMs + Math.max(quietMs, nowMs - this.#changedAtMs);
    return true;
  }
}
