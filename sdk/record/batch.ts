import { type Home, isRecord, type RecordClass, recordClass } from "./record.ts";
import type { BatchScope } from "./scope.ts";
import type { RecordTable } from "./table.ts";
import type { AnalyticsRecord, Batch, Part, RecordBase } from "./types.ts";

/** A run of a piece's kept rows. */
export interface Slice {
  readonly table: RecordTable;
  /** The rows that preparation kept, in order. */
  readonly rows: Uint32Array;
  /** The run: [start, end) of `rows`. */
  readonly start: number;
  readonly end: number;
  /** The records of the chunk that all of `rows` stand for, those left out by filters among them. */
  readonly part: Part;
  /** Index in the chunk of row 0. */
  readonly firstIndex: number;
  /** On the wire; summed up where it is not given. */
  readonly bytes?: number;
}

interface Run extends Home {
  readonly slice: Slice;
  /** Position in the whole of its first record. */
  readonly from: number;
}

/** All that a call was given; its views share it. */
class Whole {
  readonly runs: readonly Run[];
  readonly scope: BatchScope;
  readonly refBase: number;
  readonly size: number;
  readonly Record: RecordClass;
  /** The run that was asked for last. */
  private last = 0;

  constructor(slices: readonly Slice[], scope: BatchScope, refBase: number) {
    let size = 0;
    this.runs = slices.map((slice) => {
      const { table, rows, start, end, firstIndex } = slice;
      const part = narrow(slice.part, rows, start, end, firstIndex);
      const run: Run = { slice, from: size, table, part, firstIndex, scope, hash: null };
      size += slice.end - slice.start;
      return run;
    });
    this.scope = scope;
    this.refBase = refBase;
    this.size = size;
    const first = slices[0];
    if (!first) throw new RangeError("A batch needs at least one slice");
    this.Record = recordClass(first.table.schema);
  }

  runAt(position: number): number {
    const { runs } = this;
    let at = this.last;
    if (position < runs[at]!.from) at = 0;
    while (at + 1 < runs.length && position >= runs[at + 1]!.from) at++;
    this.last = at;
    return at;
  }

  rowAt(run: Run, position: number): number {
    return run.slice.rows[run.slice.start + position - run.from]!;
  }

  record(position: number): RecordBase {
    const run = this.runs[this.runAt(position)]!;
    return new this.Record(run, this.rowAt(run, position), this.refBase + position);
  }
}

/** The piece of a part that rows [start, end) stand for: pieces side by side leave nothing out. */
function narrow(part: Part, rows: Uint32Array, start: number, end: number, firstIndex: number): Part {
  const from = start === 0 ? part.from : firstIndex + rows[start]!;
  const to = end >= rows.length ? part.to : firstIndex + rows[end]!;
  return from === part.from && to === part.to ? part : { ...part, from, to };
}

/** `R` must be the record type of the tables' kind. */
export class RecordBatch<R = AnalyticsRecord> implements Batch<R> {
  private readonly whole: Whole;
  /** Positions in the whole: [from, to), or those that are picked out. */
  private readonly from: number;
  private readonly to: number;
  private readonly picks: Uint32Array | null;
  private knownBytes = -1;
  private knownParts: readonly Part[] | null = null;

  private constructor(whole: Whole, from: number, to: number, picks: Uint32Array | null) {
    this.whole = whole;
    this.from = from;
    this.to = to;
    this.picks = picks;
  }

  /** Records are numbered in order: `ref` is `refBase` and up. */
  static of<R = AnalyticsRecord>(slices: readonly Slice[], scope: BatchScope, refBase = 0): RecordBatch<R> {
    const whole = new Whole(slices, scope, refBase);
    return new RecordBatch<R>(whole, 0, whole.size, null);
  }

  get size(): number {
    return this.picks ? this.picks.length : this.to - this.from;
  }

  get scope(): BatchScope {
    return this.whole.scope;
  }

  get bytes(): number {
    this.whole.scope.check();
    if (this.knownBytes < 0) this.knownBytes = this.sumBytes();
    return this.knownBytes;
  }

  get parts(): readonly Part[] {
    this.whole.scope.check();
    this.knownParts ??= this.picks ? this.pickedParts(this.picks) : this.rangeParts();
    return this.knownParts;
  }

  at(i: number): R {
    this.whole.scope.check();
    return this.whole.record(this.positionOf(i)) as R;
  }

  [Symbol.iterator](): Iterator<R> {
    return new Records(this);
  }

  slice(from: number, to: number = this.size): RecordBatch<R> {
    this.whole.scope.check();
    const start = Math.max(0, Math.min(from, this.size));
    const end = Math.max(start, Math.min(to, this.size));
    if (this.picks) return new RecordBatch<R>(this.whole, 0, 0, this.picks.subarray(start, end));
    return new RecordBatch<R>(this.whole, this.from + start, this.from + end, null);
  }

  /** For the runtime: the records with these refs. */
  pick(refs: Uint32Array): RecordBatch<R> {
    const { refBase } = this.whole;
    return new RecordBatch<R>(this.whole, 0, 0, refBase === 0 ? refs : refs.map((ref) => ref - refBase));
  }

  filter(keep: (record: R) => boolean): RecordBatch<R> {
    const picks = new Uint32Array(this.size);
    let kept = 0;
    for (let i = 0; i < picks.length; i++) if (keep(this.at(i))) picks[kept++] = this.positionOf(i);
    return new RecordBatch<R>(this.whole, 0, 0, picks.subarray(0, kept));
  }

  groupBy(key: (record: R) => string): Map<string, RecordBatch<R>> {
    const groups = new Map<string, number[]>();
    for (let i = 0; i < this.size; i++) {
      const name = key(this.at(i));
      const group = groups.get(name);
      if (group) group.push(this.positionOf(i));
      else groups.set(name, [this.positionOf(i)]);
    }
    const batches = new Map<string, RecordBatch<R>>();
    for (const [name, group] of groups)
      batches.set(name, new RecordBatch<R>(this.whole, 0, 0, Uint32Array.from(group)));
    return batches;
  }

  /** For the runtime: where the record with this `ref` lies; `slice` counts those the batch was made of. */
  locate(ref: number): { slice: number; row: number; index: number } {
    const position = ref - this.whole.refBase;
    if (!(position >= 0 && position < this.whole.size)) throw new RangeError(`No record has the ref ${ref}`);
    const slice = this.whole.runAt(position);
    const run = this.whole.runs[slice]!;
    const row = this.whole.rowAt(run, position);
    return { slice, row, index: run.firstIndex + row };
  }

  /** For encoders: the rows [from, to) of this batch in runs of one table. */
  *runs(from = 0, to: number = this.size): Iterable<{ table: RecordTable; rows: Uint32Array; i: number }> {
    const { whole, picks } = this;
    for (let i = from; i < to; ) {
      whole.scope.check();
      const position = this.positionOf(i);
      const run = whole.runs[whole.runAt(position)]!;
      const last = run.from + run.slice.end - run.slice.start;
      let n = 0;
      let rows: Uint32Array;
      if (picks) {
        while (i + n < to && picks[i + n]! >= run.from && picks[i + n]! < last) n++;
        rows = picks.slice(i, i + n).map((picked) => whole.rowAt(run, picked));
      } else {
        n = Math.min(to - i, last - position);
        const start = run.slice.start + position - run.from;
        rows = run.slice.rows.subarray(start, start + n);
      }
      yield { table: run.table, rows, i };
      i += n;
    }
  }

  /** The refs, where they follow one another. */
  get refRange(): { from: number; to: number } | null {
    const { refBase } = this.whole;
    return this.picks ? null : { from: refBase + this.from, to: refBase + this.to };
  }

  refAt(i: number): number {
    return this.whole.refBase + this.positionOf(i);
  }

  private positionOf(i: number): number {
    if (!(i >= 0 && i < this.size)) throw new RangeError(`The batch has ${this.size} records, so none at ${i}`);
    return this.picks ? this.picks[i]! : this.from + i;
  }

  private sumBytes(): number {
    const { whole } = this;
    const all = !this.picks && this.from === 0 && this.to === whole.size;
    if (all && whole.runs.every(({ slice }) => slice.bytes !== undefined)) {
      return whole.runs.reduce((sum, { slice }) => sum + slice.bytes!, 0);
    }
    let sum = 0;
    for (const { table, rows } of this.runs()) for (const row of rows) sum += table.end(row) - table.start(row);
    return sum;
  }

  private rangeParts(): Part[] {
    const { whole, from, to } = this;
    const parts: Part[] = [];
    for (const run of whole.runs) {
      const end = run.from + run.slice.end - run.slice.start;
      const empty = end === run.from;
      if (empty ? run.from < from || run.from > to : from >= end || to <= run.from) continue;
      const { slice, firstIndex, part } = run;
      // A run's own end is its part's, not that of the rows behind it.
      const rows = slice.rows.subarray(slice.start, slice.end);
      parts.push(narrow(part, rows, Math.max(from, run.from) - run.from, Math.min(to, end) - run.from, firstIndex));
    }
    return parts;
  }

  private pickedParts(picks: Uint32Array): Part[] {
    const parts = new Set<Part>();
    for (const position of picks) parts.add(this.whole.runs[this.whole.runAt(position)]!.part);
    return [...parts];
  }
}

class Records<R> implements Iterator<R> {
  private readonly batch: RecordBatch<R>;
  private readonly size: number;
  private i = 0;

  constructor(batch: RecordBatch<R>) {
    this.batch = batch;
    this.size = batch.size;
  }

  next(): IteratorResult<R> {
    if (this.i >= this.size) return { done: true, value: undefined };
    return { done: false, value: this.batch.at(this.i++) };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** The batch behind the contract's interface; a plugin cannot make one of its own. */
export function recordBatch<R>(what: Batch<R>): RecordBatch<R> {
  if (what instanceof RecordBatch) return what;
  throw new TypeError("Only a batch that the host has given, or a view of one, can be used here");
}

/** The scope that a batch or record belongs to; null for what is not the sdk's own. */
export function scopeOf<R>(what: Batch<R> | RecordBase): BatchScope | null {
  if (isRecord(what)) return what.home.scope;
  return what instanceof RecordBatch ? what.scope : null;
}

/** Refs of a batch's records, or of one record. */
export function* refsOf<R>(what: Batch<R> | RecordBase): Iterable<number> {
  if (isRecord(what)) {
    yield what.ref;
    return;
  }
  const batch = recordBatch(what as Batch<R>);
  for (let i = 0; i < batch.size; i++) yield batch.refAt(i);
}

/** The same as [from, to), where they follow one another; null where they do not. */
export function refRangeOf<R>(what: Batch<R> | RecordBase): { from: number; to: number } | null {
  if (isRecord(what)) return { from: what.ref, to: what.ref + 1 };
  return recordBatch(what as Batch<R>).refRange;
}
