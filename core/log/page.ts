/** What records of so many bytes need of a slab: themselves, and where each begins and ends. */
export function roomFor(bytes: number, records: number): number {
  return aligned(bytes) + 8 * records;
}

/** Where the words behind so many bytes begin. */
export function aligned(bytes: number): number {
  return (bytes + 3) & ~3;
}
