/** The graph of states: to count histories, and to find those that never end. */
export class StateGraph {
  readonly #next = new Map<string, Set<string>>();
  readonly #faults = new Map<string, Set<string>>();
  readonly #counted = new Map<string, number>();
  readonly #open = new Set<string>();

  /** An edge from one state to another, by itself or by a fault. */
  add(from: string, to: string, byFault: boolean): void {
    const edges = byFault ? this.#faults : this.#next;
    const targets = edges.get(from);
    if (targets === undefined) edges.set(from, new Set([to]));
    else targets.add(to);
  }

  /**
   * The number of histories from a state on with at most so many faults.
   * @returns undefined when one of them goes round in circles
   */
  countHistories(from: string, faultsLeft: number): number | undefined {
    const key = `${faultsLeft} ${from}`;
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    if (this.#open.has(key)) return undefined;
    this.#open.add(key);
    let sum = 0;
    const next = this.#next.get(from);
    if (next === undefined) sum = 1;
    for (const one of next ?? []) {
      const more = this.countHistories(one, faultsLeft);
      if (more === undefined) return undefined;
      sum += more;
    }
    for (const one of faultsLeft > 0 ? (this.#faults.get(from) ?? []) : []) {
      const more = this.countHistories(one, faultsLeft - 1);
      if (more === undefined) return undefined;
      sum += more;
    }
    this.#open.delete(key);
    this.#counted.set(key, sum);
    return sum;
  }
}
