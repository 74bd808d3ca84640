import type { Wire } from "@sluice/sdk";
import { resetSharedSlots, sharedSlotBytes } from "@sluice/sdk/record";
import type { ChunkRef, ListLog } from "../log/log.ts";
import { Pace } from "./pace.ts";
import type { SlabPool } from "./slabs.ts";

/** Records [from, to) of a chunk in a slab. Pinned as long as an actor may read it. */
export interface Loaded {
  readonly list: ListLog;
  readonly chunk: string;
  readonly from: number;
  readonly to: number;
  readonly slab: SharedArrayBuffer;
  readonly at: number;
  readonly bytes: number;
  /** Byte where the slots of all its records are shared; null: nowhere. */
  readonly slots: number | null;
  pins: number;
  /** How often it was asked for. */
  uses: number;
}

export type LoadResult = Loaded | "missing" | "too large";

/** What is kept unpinned for sinks that come a little later, bytes. */
const KEEP_BYTES = 8 * 2 ** 20;
/** Pages given up before all had them, of which it is known how many had. */
const REMEMBERED = 4096;
/** Before anything was read from a list. */
const FIRST_GUESS_BYTES = 1200;
/** What a page has besides its records: offsets and framing. */
const OVERHEAD_A_RECORD = 20;
/** A chunk whose records are larger than usual is read in two goes. */
const SPARE = 1.04;

/** Reads each chunk once for all sinks that want it at about the same time. */
export class ChunkReader {
  readonly #pool: SlabPool;
  readonly #largestRecord: number;
  readonly #readers: (list: ListLog) => number;
  /** Oldest first. */
  #loaded = new Map<string, Loaded[]>();
  #reading = new Map<string, Promise<LoadResult>>();
  #meanBytes = new Map<ListLog, number>();
  #unpinnedBytes = 0;
  /** Uses of pages that were given up while some sink might still want them, by chunk and first record. Oldest first. */
  readonly #givenUp = new Map<string, number>();
  readonly #pace = new Pace();

  /** `readers`: how many sinks take chunks of a list now. What all of them had is not kept. */
  constructor(
    pool: SlabPool,
    largestRecord: number,
    readers: (list: ListLog) => number = () => Number.POSITIVE_INFINITY,
  ) {
    this.#pool = pool;
    this.#largestRecord = largestRecord;
    this.#readers = readers;
  }

  /** Kept, and read by nobody at the moment. */
  get unpinnedBytes(): number {
    return this.#unpinnedBytes;
  }

  /** The records of the chunk from `from` on, as many as fit a slab; pinned once for the caller. Throws LogError. */
  async load(list: ListLog, ref: ChunkRef, from: number): Promise<LoadResult> {
    for (;;) {
      const known = this.#loaded.get(ref.chunk)?.find((loaded) => loaded.from <= from && from < loaded.to);
      if (known) return this.#pin(known);
      const reading = this.#reading.get(ref.chunk);
      if (!reading) break;
      await reading.catch(() => {});
    }
    const reading = this.#read(list, ref, from).finally(() => this.#reading.delete(ref.chunk));
    this.#reading.set(ref.chunk, reading);
    return reading;
  }

  unpin(loaded: Loaded): void {
    if (--loaded.pins > 0) return;
    this.#unpinnedBytes += loaded.slab.byteLength;
    if (loaded.uses >= this.#readers(loaded.list)) this.#drop(loaded);
    else this.#evict();
  }

  async #read(list: ListLog, ref: ChunkRef, from: number): Promise<LoadResult> {
    const mean = this.#meanBytes.get(list) ?? FIRST_GUESS_BYTES;
    const records = ref.records - from;
    const shares = this.#readers(list) > 1;
    const hoped = records * (mean * SPARE + OVERHEAD_A_RECORD) + (shares ? sharedSlotBytes(records, list.wire) : 0);
    const before = this.#givenUp.get(nameOf(ref.chunk, from)) ?? 0;
    // The first to want it is ahead of others, who have not taken what is kept for them.
    if (before === 0 && this.#unpinnedBytes + hoped > KEEP_BYTES) await this.#pace.wait();
    let slab = this.#pool.take(hoped);
    try {
      let result = await list.read(ref, from, slab);
      if ("need" in result) {
        if (result.need > this.#largestRecord) return this.#give(slab, "too large");
        const larger = this.#pool.take(0, result.need);
        this.#pool.give(slab);
        slab = larger;
        result = await list.read(ref, from, slab);
      }
      if ("missing" in result) return this.#give(slab, "missing");
      if ("need" in result) return this.#give(slab, "too large");
      this.#meanBytes.set(list, mean * 0.8 + (result.bytes / (result.to - from)) * 0.2);
      const slots = shares ? slotsBehind(slab, result.at, result.to - from, list.wire) : null;
      // Pinned from the start: it could be evicted before the caller sees it.
      const loaded = { list, chunk: ref.chunk, from, slab, pins: 1, uses: before + 1, slots, ...result };
      const pages = this.#loaded.get(ref.chunk);
      if (pages) pages.push(loaded);
      else this.#loaded.set(ref.chunk, [loaded]);
      return loaded;
    } catch (error) {
      this.#pool.give(slab);
      throw error;
    }
  }

  #give<R>(slab: SharedArrayBuffer, result: R): R {
    this.#pool.give(slab);
    return result;
  }

  #pin(loaded: Loaded): Loaded {
    if (loaded.pins++ === 0) this.#unpinnedBytes -= loaded.slab.byteLength;
    loaded.uses++;
    return loaded;
  }

  /** Gives up unpinned pages, oldest first, while there are more of them than are kept. */
  #evict(): void {
    for (const pages of this.#loaded.values()) {
      for (const page of [...pages]) {
        if (this.#unpinnedBytes <= KEEP_BYTES) return;
        if (page.pins > 0) continue;
        this.#drop(page);
        this.#givenUp.set(nameOf(page.chunk, page.from), page.uses);
        if (this.#givenUp.size > REMEMBERED) this.#givenUp.delete(this.#givenUp.keys().next().value!);
      }
    }
  }

  /** An unpinned page. */
  #drop(page: Loaded): void {
    const pages = this.#loaded.get(page.chunk)!;
    pages.splice(pages.indexOf(page), 1);
    if (pages.length === 0) this.#loaded.delete(page.chunk);
    this.#unpinnedBytes -= page.slab.byteLength;
    this.#pool.give(page.slab);
    if (this.#unpinnedBytes <= KEEP_BYTES / 2) this.#pace.resume();
  }
}

function nameOf(chunk: string, from: number): string {
  return `${chunk} ${from}`;
}

/** Where the slots of so many records lie, whose offsets are at `at`; null: the slab has no room for them. */
function slotsBehind(slab: SharedArrayBuffer, at: number, records: number, wire: Wire): number | null {
  const bytes = sharedSlotBytes(records, wire);
  const slots = at + 8 * records;
  if (bytes === 0 || slots + bytes > slab.byteLength) return null;
  resetSharedSlots(slab, slots);
  return slots;
}
