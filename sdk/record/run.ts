/** Constant bytes that are written often: four at a time, so that up to three bytes more are written behind them. */
export interface Run {
  readonly words: Int32Array;
  readonly size: number;
}

export function runOf(constant: string | Uint8Array): Run {
  const bytes = Buffer.from(constant);
  const words = new Int32Array((bytes.length + 3) >> 2);
  const padded = Buffer.concat([bytes, Buffer.alloc(3)]);
  for (let i = 0; i < words.length; i++) words[i] = padded.readInt32LE(4 * i);
  return { words, size: bytes.length };
}

export function writeRun(to: DataView, o: number, { words, size }: Run): number {
  for (let i = 0; i < words.length; i++) to.setInt32(o + 4 * i, words[i]!, true);
  return o + size;
}
