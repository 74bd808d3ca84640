import { type RecordBatch, recordBatch } from "../record/batch.ts";
import type { RecordTable } from "../record/table.ts";
import type { Batch } from "../record/types.ts";
import { Output } from "./output.ts";

/** From bytes to bytes without JavaScript objects; filters and prepared fields hold here too. */
export interface Encoder<R> {
  /**
   * Requests of bounded size (by default one for the whole batch); a record over `bytes` comes alone. Record i of a page ends at `ends[i]` of `body`
   * (one message a record: Kafka, SQS). `body` is valid until the call settles.
   */
  pages(batch: Batch<R>, limit?: { records?: number; bytes?: number }): Iterable<EncodedPage<R>>;
}

export interface EncodedPage<R> {
  readonly body: Uint8Array;
  readonly ends: Uint32Array;
  /** The records in it. */
  readonly batch: Batch<R>;
}

export interface RowWriter<R> {
  /** Bytes that a record of this many bytes may at first be expected to take. */
  readonly guess: (bytes: number) => number;
  /** Appends one record. */
  row(output: Output, table: RecordTable, row: number, batch: RecordBatch<R>, i: number): void;
  /** Around and between the records; single bytes, where there are any. */
  readonly open?: number;
  readonly between?: number;
  readonly close?: number;
}

/** More than pages needed before: growing copies what is written. */
const SPARE = 1.1;
/** How much of a page larger than usual is remembered by the next. */
const FORGET = 0.95;

/** How often the same field is among these: its bytes are written so often. */
export function mostCopies(values: readonly unknown[]): number {
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(1, ...counts.values());
}

/** Runs a writer over a batch, page by page. */
export function pagesOf<R>(writer: RowWriter<R>): Encoder<R> {
  // Of what is guessed, as much as pages turned out to need.
  const learned = { share: 1 };
  return {
    *pages(given, { records = Number.POSITIVE_INFINITY, bytes = Number.POSITIVE_INFINITY } = {}) {
      const batch = recordBatch(given);
      for (let from = 0; from < batch.size; ) {
        const page = encodePage(writer, batch, from, Math.max(1, records), bytes, learned);
        yield page;
        from += page.ends.length;
      }
    },
  };
}

function encodePage<R>(
  writer: RowWriter<R>,
  batch: RecordBatch<R>,
  from: number,
  records: number,
  bytes: number,
  learned: { share: number },
): EncodedPage<R> {
  const { open, between, close } = writer;
  const last = Math.min(batch.size, from + records);
  const guess = writer.guess((batch.bytes * (last - from)) / batch.size);
  const output = new Output(Math.min(bytes, guess * learned.share * SPARE) + 1024);
  const limit = bytes - (close === undefined ? 0 : 1);
  const ends = new Uint32Array(last - from);
  let n = 0;
  if (open !== undefined) output.bytes[output.at++] = open;
  runs: for (const { table, rows, i } of batch.runs(from, last)) {
    for (let k = 0; k < rows.length; k++) {
      const before = output.at;
      if (between !== undefined && n > 0) {
        output.ensure(1);
        output.bytes[output.at++] = between;
      }
      writer.row(output, table, rows[k]!, batch, i + k);
      if (output.at > limit && n > 0) {
        output.at = before;
        break runs;
      }
      ends[n++] = output.at;
    }
  }
  // A page that was cut short tells nothing of the guess.
  if (n === last - from) learned.share = Math.min(1, Math.max(output.at / guess, learned.share * FORGET));
  output.ensure(1);
  if (close !== undefined) output.bytes[output.at++] = close;
  return { body: output.finish(batch.scope), ends: ends.subarray(0, n), batch: batch.slice(from, from + n) };
}
