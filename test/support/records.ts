/** Small records as an old gateway might write them: a msgpack map of a few texts. */
export function textRecord(fields: { [key: string]: string }): Uint8Array {
  const parts: Buffer[] = [Buffer.from([0x80 | Object.keys(fields).length])];
  for (const [key, value] of Object.entries(fields)) {
    for (const text of [key, value]) {
      const bytes = Buffer.from(text);
      const head = Buffer.alloc(5);
      head[0] = 0xdb;
      head.writeUInt32BE(bytes.length, 1);
      parts.push(head, bytes);
    }
  }
  return Buffer.concat(parts);
}

/** `count` records whose paths are /<from>, /<from + 1>, …; those at `poison` have the path /poison. */
export function numbered(count: number, options: { from?: number; poison?: readonly number[] } = {}): Uint8Array[] {
  const { from = 0, poison = [] } = options;
  return Array.from({ length: count }, (_, i) =>
    textRecord({ Path: poison.includes(i) ? "/poison" : `/${from + i}`, APIID: `api${i % 7}` }),
  );
}
