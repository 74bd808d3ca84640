import type { Schema } from "./fields.ts";
import type { SharedSlots } from "./shared-slots.ts";
import type { Wire } from "./types.ts";
import { localZone, type Zone } from "./zone.ts";

/** Records as they lie in a slab. */
export interface Page {
  /** Over the whole slab (a SharedArrayBuffer or an ArrayBuffer); offsets count from its start. */
  readonly bytes: Buffer;
  /** Start and end of each record. */
  readonly offsets: Uint32Array;
  readonly count: number;
  readonly wire: Wire;
  /** Of these records, in the same slab. */
  readonly shared?: SharedSlots | null;
}

/** A record that no scanner can read. */
export interface Unreadable {
  row: number;
  reason: string;
}

/** Set in a slot: the value was edited, and lies in `edits` at the rest of the number. Only texts and times are edited. */
export const EDITED: number = 0x80000000;

/**
 * Where the values of a page's records lie: one row of `stride` words a record. A text has two words, start and end
 * of its bytes; any other field has one, the offset of its token (protobuf: see scan-protobuf.ts). 0 is the zero value.
 * Filters and preparation edit the words, never the slab.
 */
export class RecordTable {
  readonly schema: Schema;
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
  readonly count: number;
  readonly wire: Wire;
  readonly stride: number;
  readonly protobuf: boolean;
  slots: Uint32Array;
  edits: Buffer = NOTHING;
  /** Whether the slots are this table's alone. */
  private own: boolean;
  private editsEnd = 0;
  private local: Zone | null = null;
  private readonly free: Uint32Array[];

  /** `slots`: null, to take memory of its own. */
  constructor(page: Page, schema: Schema, free: Uint32Array[], slots: Uint32Array | null = null) {
    this.schema = schema;
    this.bytes = page.bytes;
    this.offsets = page.offsets;
    this.count = page.count;
    this.wire = page.wire;
    this.protobuf = page.wire === "protobuf";
    this.stride = schema.stride;
    this.free = free;
    this.own = slots === null;
    this.slots = slots ?? take(free, page.count, schema.stride);
  }

  /** The process's zone, asked for once: reading the environment is slow. */
  get localZone(): Zone {
    this.local ??= localZone();
    return this.local;
  }

  start(row: number): number {
    return this.offsets[2 * row]!;
  }

  end(row: number): number {
    return this.offsets[2 * row + 1]!;
  }

  clear(row: number): void {
    this.slots.fill(0, row * this.stride, (row + 1) * this.stride);
  }

  /** Before an edit: others read slots that are shared. */
  detach(): void {
    if (this.own) return;
    const slots = take(this.free, this.count, this.stride);
    slots.set(this.slots);
    this.slots = slots;
    this.own = true;
  }

  /** Room for edited bytes; returns where it begins in `edits`. */
  reserve(size: number): number {
    const at = this.editsEnd;
    if (at + size > this.edits.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(64 * 1024, 2 * (at + size)));
      this.edits.copy(grown, 0, 0, at);
      this.edits = grown;
    }
    this.editsEnd = at + size;
    return at;
  }

  /** Gives back what was reserved from `at` on. */
  unreserve(at: number): void {
    this.editsEnd = at;
  }

  /** Gives the memory of the slots back. The table must not be used afterwards. */
  release(): void {
    if (this.slots === RELEASED) return;
    if (this.own && this.free.length < 8) this.free.push(this.slots);
    this.slots = RELEASED;
    this.edits = NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);
const RELEASED = new Uint32Array(0);

function take(free: Uint32Array[], rows: number, stride: number): Uint32Array {
  const words = rows * stride;
  for (let i = free.length - 1; i >= 0; i--) {
    const slots = free[i]!;
    if (slots.length < words) continue;
    free.splice(i, 1);
    slots.fill(0, 0, words);
    return slots;
  }
  // Tables of a few records would otherwise keep memory that no full batch can use.
  return new Uint32Array(Math.max(rows, 1024) * stride);
}
