import { createHash } from "node:crypto";
import type { Dialect } from "../database/dialect.ts";

/** Bytes of an organisation and a value that an index keeps together: PostgreSQL takes 2,704 a row in all. */
const INDEX_BYTES = 2600;
const OWNER_BYTES = 600;

/** `hex`: Tyk Pump's id of a row, bucket, owner, dimension and value in hexadecimal; a hash of it where it is longer than a key may be. */
export function rowId(hex: string, { keyCharacters }: Dialect): string {
  if (hex.length <= keyCharacters) return hex;
  return `sha256-${createHash("sha256").update(hex, "hex").digest("hex")}`;
}

/** PostgreSQL takes no NUL. */
export function clean(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "") : text;
}

/** An organisation as the index has it: a longer one is cut; its rows keep their own ids. */
export function indexedOwner(org: string): string {
  return cut(clean(org), OWNER_BYTES);
}

/** A value beside its organisation. */
export function indexedValue(value: string, org: string): string {
  const text = clean(value);
  if (3 * (text.length + org.length) <= INDEX_BYTES) return text;
  return cut(text, INDEX_BYTES - Math.min(OWNER_BYTES, Buffer.byteLength(org)));
}

function cut(text: string, bytes: number): string {
  if (3 * text.length <= bytes || Buffer.byteLength(text) <= bytes) return text;
  return Buffer.from(text)
    .subarray(0, bytes)
    .toString()
    .replace(/\ufffd+$/, "");
}
