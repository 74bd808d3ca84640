import type { BatchScope } from "../record/scope.ts";

/** Memory of encoded pages, used again once the call that they were made for has settled. */
const free: Buffer[] = [];
const MAX_FREE = 32;
const MAX_FREE_BYTES = 5 * 1024 * 1024;
const LEAST = 64 * 1024;

function take(size: number): Buffer {
  for (const [i, bytes] of free.entries()) {
    if (bytes.length < size) continue;
    free.splice(i, 1);
    return bytes;
  }
  return Buffer.allocUnsafeSlow(Math.max(LEAST, roundUp(size)));
}

/** Four sizes an octave: pages of about the same length share memory. */
function roundUp(size: number): number {
  const step = 2 ** (Math.floor(Math.log2(size)) - 2);
  return Math.ceil(size / step) * step;
}

function give(bytes: Buffer): void {
  const held = free.reduce((sum, { length }) => sum + length, 0);
  if (free.length < MAX_FREE && held + bytes.length <= MAX_FREE_BYTES) free.push(bytes);
}

/** One page being written. Writers ensure room for a whole record, then write without looking. */
export class Output {
  bytes: Buffer;
  view: DataView;
  at = 0;

  constructor(size: number) {
    this.bytes = take(size);
    this.view = viewOf(this.bytes);
  }

  ensure(size: number): void {
    if (this.at + size > this.bytes.length) this.grow(this.at + size);
  }

  /** The page is done: its memory is given back when the scope ends. */
  finish(scope: BatchScope): Buffer {
    const { bytes } = this;
    scope.onEnd(() => give(bytes));
    return bytes.subarray(0, this.at);
  }

  /** For texts made in JavaScript. */
  text(text: string): void {
    this.ensure(3 * text.length);
    this.at += this.bytes.write(text, this.at);
  }

  private grow(size: number): void {
    const grown = take(2 * size);
    this.bytes.copy(grown, 0, 0, this.at);
    give(this.bytes);
    this.bytes = grown;
    this.view = viewOf(grown);
  }
}

const views = new WeakMap<Buffer, DataView>();

/** A view of the same bytes, made once: four bytes at a time are copied through it, whatever their alignment. */
export function viewOf(bytes: Buffer): DataView {
  let view = views.get(bytes);
  if (!view) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    views.set(bytes, view);
  }
  return view;
}
