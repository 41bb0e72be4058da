/** Something happened that must never happen. */
export class Violation extends Error {}

export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Violation(otherwise);
}
