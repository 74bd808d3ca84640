const SMALLEST = 64 * 1024;
const LARGEST = 4 * 2 ** 20;
/** Free slabs kept for reuse: fresh memory costs three times as much as memory used before. */
const KEEP_FREE_BYTES = 16 * 2 ** 20;

/**
 * Shared memory for records on their way to the actors. Slabs come in powers of two and are used again; one record
 * that needs more than the largest gets a slab of its own, which is not kept. The pool itself sets no bound: who takes
 * from it does, by credit.
 */
export class SlabPool {
  #free: SharedArrayBuffer[] = [];
  #freeBytes = 0;
  #bytes = 0;

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
    const found = this.#free.findIndex((slab) => slab.byteLength === size);
    if (found >= 0) {
      const [slab] = this.#free.splice(found, 1);
      this.#freeBytes -= size;
      return slab!;
    }
    const slab = new SharedArrayBuffer(size);
    this.#bytes += size;
    return slab;
  }

  give(slab: SharedArrayBuffer): void {
    if (slab.byteLength > LARGEST) {
      this.#bytes -= slab.byteLength;
      return;
    }
    this.#free.push(slab);
    this.#freeBytes += slab.byteLength;
    while (this.#freeBytes > KEEP_FREE_BYTES) {
      const oldest = this.#free.shift()!;
      this.#freeBytes -= oldest.byteLength;
      this.#bytes -= oldest.byteLength;
    }
  }
}

function classOf(bytes: number): number {
  let size = SMALLEST;
  while (size < bytes) size *= 2;
  return size;
}
