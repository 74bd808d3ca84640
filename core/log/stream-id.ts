/** Ids of stream entries, `<ms>-<seq>`. */

export const FIRST_ID = "0-0";
const LAST_SEQUENCE = 2n ** 64n - 1n;

export function isId(text: string): boolean {
  return /^\d{1,20}-\d{1,20}$/.test(text);
}

export function millisOf(id: string): number {
  return Number(id.slice(0, id.indexOf("-")));
}

export function compareIds(a: string, b: string): number {
  const ms = millisOf(a) - millisOf(b);
  return ms !== 0 ? ms : Number(sequenceOf(a) - sequenceOf(b));
}

/** The least id behind `id`; Redis 5 has no exclusive ranges. */
export function nextId(id: string): string {
  const sequence = sequenceOf(id);
  return sequence === LAST_SEQUENCE ? `${millisOf(id) + 1}-0` : `${millisOf(id)}-${sequence + 1n}`;
}

function sequenceOf(id: string): bigint {
  return BigInt(id.slice(id.indexOf("-") + 1));
}
