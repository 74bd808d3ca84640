import type { Wire } from "@sluice/sdk";
import type { ChunkRef, DeadLetter, HomeList, Lag, ListLog, ReadResult } from "./log.ts";
import { aligned, roomFor } from "./page.ts";

/** A dead letter that is to be delivered again. */
export interface ReplayLetter {
  /** Of all entries that are this letter. */
  ids: readonly string[];
  chunk: string;
  index: number;
  /** Of its record. */
  bytes: number;
}

/** Letters of one chunk whose indexes follow one another: what a sink gets as a chunk. */
interface Run {
  readonly entry: string;
  readonly home: HomeList;
  readonly letters: readonly ReplayLetter[];
  readonly since: number;
  /** While a sink has it in hand. */
  records: readonly Uint8Array[];
  /** What the sink refused once more: the ids of the letters that took the place of theirs, by index. */
  readonly replaced: Map<number, string>;
  /** Of those that it did not refuse after all. */
  readonly doubted: Set<string>;
}

/** Letters of one run. */
const RUN = { letters: 100, bytes: 1 << 20 } as const;
/** What one sink has in hand of them at most. */
const HELD_BYTES = 16 << 20;

/**
 * Dead letters of one wire on their way back to their sinks, drained as a list of its own: so they share the sink's
 * credit, its actors and its judgement with everything else. The order is in memory alone: the letters stay where they are
 * until they are acknowledged, and a process that dies leaves them there.
 *
 * A run has a chunk's name of its own, `<chunk>~<id of its newest letter>`, and keeps the indexes. A sink that marks chunks
 * as written has marked the letter's own as a whole, the refused record included; under this name it is new, and the same
 * each time until a letter of it is refused once more, which thereby is the newest. A record's `id` leaves what stands behind `~` out, so that sinks with keys write it
 * over itself.
 */
export class ReplayList implements ListLog {
  readonly name: string;
  readonly wire: Wire;
  readonly #givenUp: (sink: string, letters: number) => void;
  readonly #waiting = new Map<string, Run[]>();
  readonly #held = new Map<string, { sink: string; run: Run }>();
  /** Of letters that wait or are held: list and id. */
  readonly #known = new Set<string>();
  #entries = 0;

  /** `givenUp`: the sink has handed back what it had, and the rest goes no further either. All stays a dead letter. */
  constructor(wire: Wire, givenUp: (sink: string, letters: number) => void) {
    this.name = `dead letters (${wire})`;
    this.wire = wire;
    this.#givenUp = givenUp;
  }

  /** Of one sink and list. How many were taken up: those that are on their way already are not. */
  add(sink: string, home: HomeList, letters: readonly ReplayLetter[]): number {
    const fresh = letters.filter((letter) => !this.#known.has(keyOf(home, letter)));
    for (const letter of fresh) this.#known.add(keyOf(home, letter));
    this.#queue(sink).push(...this.#runs(home, fresh, Date.now()));
    return fresh.length;
  }

  /** There is nothing to claim: `add` makes the chunks. */
  async claim(): Promise<{ claimed: number; left: number }> {
    return { claimed: 0, left: 0 };
  }

  take(requests: readonly { sink: string; chunks: number }[]): Promise<ChunkRef[][]> {
    return Promise.all(requests.map(({ sink, chunks }) => this.#take(sink, chunks)));
  }

  /** What is handed back goes no further. */
  async takeover(): Promise<ChunkRef[]> {
    return [];
  }

  async read({ entry }: ChunkRef, from: number, slab: SharedArrayBuffer): Promise<ReadResult> {
    const records = this.#held.get(entry)?.run.records;
    if (records === undefined) return { missing: true };
    let to = from;
    let bytes = 0;
    while (to < records.length && roomFor(bytes + records[to]!.length, to + 1 - from) <= slab.byteLength) {
      bytes += records[to++]!.length;
    }
    if (to === from) return { need: roomFor(records[from]!.length, 1) };
    const at = aligned(bytes);
    const whole = new Uint8Array(slab);
    const offsets = new Uint32Array(slab, at, 2 * (to - from));
    for (let i = from, end = 0; i < to; i++) {
      whole.set(records[i]!, end);
      offsets[2 * (i - from)] = end;
      end += records[i]!.length;
      offsets[2 * (i - from) + 1] = end;
    }
    return { to, at, bytes };
  }

  async extend(_sink: string, refs: readonly ChunkRef[]): Promise<ChunkRef[]> {
    return refs.filter(({ entry }) => !this.#held.has(entry));
  }

  /** Delivered, or replaced by a letter of its own: here the letters go. */
  async ack(_sink: string, refs: readonly ChunkRef[]): Promise<number> {
    const runs = refs.flatMap(({ entry }) => this.#held.get(entry)?.run ?? []);
    for (const [home, some] of Map.groupBy(runs, (run) => run.home)) {
      await home.dropLetters(
        some.flatMap(({ letters, doubted }) => [...letters.flatMap(({ ids }) => ids), ...doubted]),
      );
    }
    for (const run of runs) this.#forget(run);
    return runs.length;
  }

  /** Refused again: a letter with the new reason in its place. */
  async reject(_sink: string, ref: ChunkRef, letters: readonly { index: number; reason: string }[]): Promise<string[]> {
    const run = this.#held.get(ref.entry)?.run;
    if (run === undefined) return letters.map(() => "");
    const old = letters.map(({ index }) => run.replaced.get(index) ?? run.letters[index]!.ids[0]!);
    const ids = await run.home.replaceLetters(letters.map(({ reason }, i) => ({ id: old[i]!, reason })));
    for (const [i, { index }] of letters.entries()) {
      run.doubted.delete(old[i]!);
      if (ids[i] !== "") run.replaced.set(index, ids[i]!);
    }
    return ids;
  }

  /** The sink is suspended, or stops. Were they given to it anew, what made it so might do it again and again. */
  async release(sink: string, refs: readonly ChunkRef[]): Promise<void> {
    const held = refs.flatMap(({ entry }) => this.#held.get(entry)?.run ?? []);
    const runs = [...held, ...this.#queue(sink)];
    this.#waiting.delete(sink);
    for (const run of runs) this.#forget(run);
    if (runs.length > 0) this.#givenUp(sink, lettersIn(runs));
  }

  async sweep(): Promise<number> {
    return 0;
  }

  async lag(sink: string): Promise<Lag> {
    const runs = [...this.#queue(sink), ...this.#heldBy(sink)];
    const since = Math.min(...runs.map((run) => run.since));
    return {
      chunks: runs.length,
      records: lettersIn(runs),
      oldestMs: runs.length === 0 ? 0 : Math.max(0, Date.now() - since),
      live: 0,
    };
  }

  /** They are counted where they lie: here they become no more. */
  async letters(): Promise<{ records: number; bytes: number }> {
    return { records: 0, bytes: 0 };
  }

  async addLetters(): Promise<string[]> {
    return [];
  }

  async readLetters(): Promise<DeadLetter[]> {
    return [];
  }

  /** They go with the acknowledgement: until then their records are not delivered. */
  async dropLetters(ids: readonly string[]): Promise<number> {
    for (const { run } of this.#held.values()) {
      for (const id of run.replaced.values()) if (ids.includes(id)) run.doubted.add(id);
    }
    return 0;
  }

  async #take(sink: string, chunks: number): Promise<ChunkRef[]> {
    const queue = this.#queue(sink);
    const refs: ChunkRef[] = [];
    let held = bytesIn(this.#heldBy(sink));
    while (refs.length < chunks && queue.length > 0 && held < HELD_BYTES) {
      const run = queue.shift()!;
      let fetched: readonly Run[];
      try {
        fetched = await this.#fetch(run);
      } catch (error) {
        if (this.#waiting.get(sink) === queue) queue.unshift(run);
        else this.#forget(run);
        if (refs.length === 0) throw error;
        break;
      }
      if (this.#waiting.get(sink) !== queue) {
        // Given up in the meantime.
        for (const some of fetched) this.#forget(some);
        break;
      }
      const [there, ...rest] = fetched;
      queue.unshift(...rest);
      if (there === undefined) continue;
      this.#held.set(there.entry, { sink, run: there });
      held += bytesIn([there]);
      refs.push(refOf(there));
    }
    return refs;
  }

  /** The run with its records; in several, the first with them, where somebody has deleted letters in between. */
  async #fetch(run: Run): Promise<Run[]> {
    const found = await run.home.getLetters(run.letters.map(({ ids }) => ids[0]!));
    const records = new Map(found.map(({ id, raw }) => [id, raw]));
    const gone = run.letters.filter(({ ids }) => !records.has(ids[0]!));
    for (const letter of gone) this.#known.delete(keyOf(run.home, letter));
    const left = run.letters.filter((letter) => !gone.includes(letter));
    const [first, ...rest] = gone.length === 0 ? [run] : this.#runs(run.home, left, run.since);
    return first ? [{ ...first, records: first.letters.map(({ ids }) => records.get(ids[0]!)!) }, ...rest] : [];
  }

  #runs(home: HomeList, letters: readonly ReplayLetter[], since: number): Run[] {
    const runs: ReplayLetter[][] = [];
    const sorted = letters.toSorted((a, b) => (a.chunk < b.chunk ? -1 : a.chunk > b.chunk ? 1 : a.index - b.index));
    let bytes = 0;
    for (const letter of sorted) {
      const last = runs.at(-1)?.at(-1);
      const follows = last !== undefined && last.chunk === letter.chunk && last.index + 1 === letter.index;
      bytes += letter.bytes;
      if (follows && runs.at(-1)!.length < RUN.letters && bytes <= RUN.bytes) {
        runs.at(-1)!.push(letter);
      } else {
        runs.push([letter]);
        bytes = letter.bytes;
      }
    }
    return runs.map((letters) => {
      const entry = String(++this.#entries);
      return { entry, home, letters, since, records: [], replaced: new Map(), doubted: new Set() };
    });
  }

  #forget({ entry, home, letters }: Run): void {
    this.#held.delete(entry);
    for (const letter of letters) this.#known.delete(keyOf(home, letter));
  }

  #queue(sink: string): Run[] {
    let queue = this.#waiting.get(sink);
    if (queue === undefined) {
      queue = [];
      this.#waiting.set(sink, queue);
    }
    return queue;
  }

  #heldBy(sink: string): Run[] {
    return [...this.#held.values()].flatMap((held) => (held.sink === sink ? [held.run] : []));
  }
}

/** Ids are numbers, or two with a hyphen. */
const BY_NUMBER = new Intl.Collator("en", { numeric: true });

function refOf({ entry, letters }: Run): ChunkRef {
  const { chunk, index } = letters[0]!;
  const newest = letters.map(({ ids }) => ids[0]!).reduce((a, b) => (BY_NUMBER.compare(a, b) < 0 ? b : a));
  return {
    entry,
    chunk: `${chunk}~${newest}`,
    records: letters.length,
    behind: 0,
    first: index,
    redelivered: true,
    deliveries: 1,
  };
}

function keyOf({ name }: HomeList, { ids }: ReplayLetter): string {
  return `${name} ${ids[0]}`;
}

function lettersIn(runs: readonly Run[]): number {
  return runs.reduce((sum, { letters }) => sum + letters.length, 0);
}

function bytesIn(runs: readonly Run[]): number {
  return runs.reduce((sum, { letters }) => sum + letters.reduce((all, { bytes }) => all + bytes, 0), 0);
}
