/** Uniform draws from a seeded generator: the same seed gives the same records. Not for secrets. */
export interface Random {
  /** Whole number from 0 to n - 1. */
  below(n: number): number;
  pick<T>(from: readonly T[]): T;
  /** A version 4 UUID without dashes: 32 hex digits. */
  uuid(): string;
}

/** sfc32 by Chris Doty-Humphrey, seeded through splitmix32. */
export function createRandom(seed: number): Random {
  const mix = splitmix32(seed);
  let a = mix();
  let b = mix();
  let c = mix();
  let counter = 1;

  function word(): number {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out >>> 0;
  }
  // The first words still show the seed.
  for (let i = 0; i < 12; i++) word();

  const below = (n: number) => Math.floor((word() / 0x1_0000_0000) * n);
  return {
    below,
    pick: (from) => from[below(from.length)]!,
    uuid() {
      const hex = Array.from({ length: 4 }, () => word().toString(16).padStart(8, "0")).join("");
      return `${hex.slice(0, 12)}4${hex.slice(13, 16)}${"89ab"[below(4)]}${hex.slice(17)}`;
    },
  };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}
