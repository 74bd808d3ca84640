const SMALLEST = 64 * 1024;
/** More of it is not kept: it was for one large record. */
const LARGEST_KEPT = 8 * 2 ** 20;
const KEPT = 8;
/** Larger than the largest record that is read. */
const MOST = 512 * 2 ** 20;

/** Memory for pieces in a process of its own: used again once a piece is released, as the supervisor's slabs are. */
export class Memory {
  #free: ArrayBuffer[] = [];
  readonly #lent = new Map<number, ArrayBuffer>();

  /** So many bytes at the start of a buffer; undefined: more than any piece needs. */
  take(bytes: number): Uint8Array<ArrayBuffer> | undefined {
    if (bytes > MOST) return undefined;
    const at = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    const [buffer] = at < 0 ? [] : this.#free.splice(at, 1);
    return new Uint8Array(buffer ?? new ArrayBuffer(Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(bytes)))), 0, bytes);
  }

  lend(seq: number, { buffer }: Uint8Array): void {
    this.#lent.set(seq, buffer as ArrayBuffer);
  }

  giveBack(seqs: readonly number[]): void {
    for (const seq of seqs) {
      const buffer = this.#lent.get(seq);
      if (buffer && buffer.byteLength <= LARGEST_KEPT && this.#free.length < KEPT) this.#free.push(buffer);
      this.#lent.delete(seq);
    }
  }
}
