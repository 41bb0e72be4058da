/**
 * Counts the small writes that the agent must do, whoever asks for them: for a watchdog, to which a disk that refuses and is
 * asked again is waiting, and one that gives no answer is standing still.
 */
export class WriteActivity {
  #tries = 0;
  #underWay = 0;

  /** How many came to an end, well or badly, and whether one is under way. */
  get current(): { readonly tries: number; readonly isSaving: boolean } {
    return { tries: this.#tries, isSaving: this.#underWay > 0 };
  }

  /** Does one, and comes to what it comes to. */
  async track<T>(write: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await write();
    } finally {
      this.#underWay -= 1;
      this.#tries += 1;
    }
  }
}
