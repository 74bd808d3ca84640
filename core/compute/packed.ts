/**
 * Many byte strings in one buffer, so that one transfer hands all of them over: their number, then the end of each
 * (both as 32-bit words), then the bytes.
 */
export function packRecords(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const head = 4 * (records.length + 1);
  const packed = new Uint8Array(head + records.reduce((sum, record) => sum + record.length, 0));
  const words = new Uint32Array(packed.buffer, 0, records.length + 1);
  words[0] = records.length;
  let at = head;
  for (const [i, record] of records.entries()) {
    packed.set(record, at);
    at += record.length;
    words[i + 1] = at;
  }
  return packed;
}

/** Views into the packed buffer; nothing is copied. */
export function unpackRecords(packed: Uint8Array): Uint8Array[] {
  const count = new Uint32Array(packed.buffer, packed.byteOffset, 1)[0]!;
  const words = new Uint32Array(packed.buffer, packed.byteOffset, count + 1);
  const records: Uint8Array[] = new Array(count);
  let at = 4 * (count + 1);
  for (let i = 0; i < count; i++) {
    records[i] = packed.subarray(at, words[i + 1]!);
    at = words[i + 1]!;
  }
  return records;
}
