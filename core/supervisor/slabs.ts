const SMALLEST = 64 * 1024;
const LARGEST = 4 * 2 ** 20;
/** Sizes between two powers of two: what a new slab has too much is memory that counts for nothing. */
const STEPS = 4;
/** One that lies there may be so many times as large as is needed: chunks of a steady stream differ by as much. */
const ROOMY = 2;
/** So much is kept, needed or not: a sink that falls behind for a while needs it again. */
const KEPT = 16 * 2 ** 20;

/**
 * Shared memory for records on their way to the actors. Slabs come in a few sizes and are used again, for fresh memory costs
 * three times as much as memory used before, and what is given up is not free before the collector of every thread that saw
 * it has run: minutes, in a thread that makes little garbage. So only much that lay unused for a while is. One record that needs
 * more than the largest gets a slab of its own, which is not kept. The pool itself sets no bound: who takes from it does, by credit.
 */
export class SlabPool {
  #free: SharedArrayBuffer[] = [];
  #freeBytes = 0;
  #bytes = 0;
  /** Lay free ever since the last trim. */
  #unused = 0;
  readonly #dropped: (slab: SharedArrayBuffer) => void;

  /** `dropped` is told of memory that is given up. */
  constructor(dropped: (slab: SharedArrayBuffer) => void = () => {}) {
    this.#dropped = dropped;
  }

  /** All slabs, in use or kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get used(): number {
    return this.#bytes - this.#freeBytes;
  }

  /** At least so many bytes (at most LARGEST is granted of what is merely hoped for). */
  take(hoped: number, needed = 0): SharedArrayBuffer {
    const size = needed > LARGEST ? needed : classOf(Math.max(needed, Math.min(hoped, LARGEST)));
    const found = this.#fitting(size);
    if (found >= 0) {
      const slab = this.#free.splice(found, 1)[0]!;
      this.#freeBytes -= slab.byteLength;
      this.#unused = Math.min(this.#unused, this.#freeBytes);
      return slab;
    }
    const slab = new SharedArrayBuffer(size);
    this.#bytes += size;
    return slab;
  }

  give(slab: SharedArrayBuffer): void {
    if (slab.byteLength > LARGEST) {
      this.#drop(slab);
      return;
    }
    this.#free.push(slab);
    this.#freeBytes += slab.byteLength;
  }

  /** Gives up what was never needed since the last call, beyond what is kept. */
  trim(): void {
    while (this.#unused > 0 && this.#freeBytes > KEPT) {
      const oldest = this.#free.shift()!;
      this.#unused -= oldest.byteLength;
      this.#freeBytes -= oldest.byteLength;
      this.#drop(oldest);
    }
    this.#unused = this.#freeBytes;
  }

  /** The smallest that is not too large; of these the one used last, for the others may turn out not to be needed. -1: none. */
  #fitting(size: number): number {
    let found = -1;
    let least = size * ROOMY;
    for (let i = 0; i < this.#free.length; i++) {
      const { byteLength } = this.#free[i]!;
      if (byteLength < size || byteLength > least) continue;
      found = i;
      least = byteLength;
    }
    return found;
  }

  #drop(slab: SharedArrayBuffer): void {
    this.#bytes -= slab.byteLength;
    this.#dropped(slab);
  }
}

function classOf(bytes: number): number {
  let size = SMALLEST;
  while (size < bytes) size *= 2;
  const step = size / 2 / STEPS;
  return Math.max(SMALLEST, Math.ceil(bytes / step) * step);
}
