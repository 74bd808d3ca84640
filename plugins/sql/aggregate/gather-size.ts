/** So many counters at most: about 30 MB of memory. */
const MOST = 100_000;
const LEAST = 1000;

/** How many counters a gather may have: what the database takes within a deadline. */
export class GatherSize {
  most = MOST;

  /** A gather was written. */
  written(): void {
    this.most = Math.min(MOST, 2 * this.most);
  }

  /** A gather of so many counters was not, by its deadline. */
  late(counters: number): void {
    this.most = Math.max(LEAST, Math.floor(counters / 4));
  }
}
