import { createHash } from "node:crypto";
import type { Dialect } from "../database/dialect.ts";

/** Bytes of a text that an index keeps, beside others of its row: PostgreSQL takes 2,704 a row in all. */
export const VALUE_BYTES = 1800;
export const OWNER_BYTES = 600;

/** `hex`: Tyk Pump's id of a row, bucket, owner, dimension and value in hexadecimal; a hash of it where it is longer than a key may be. */
export function rowId(hex: string, { keyCharacters }: Dialect): string {
  if (hex.length <= keyCharacters) return hex;
  return `sha256-${createHash("sha256").update(hex, "hex").digest("hex")}`;
}

/** PostgreSQL takes no NUL. */
export function clean(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "") : text;
}

/** A longer text is cut; its row keeps its own id. */
export function indexed(text: string, bytes: number): string {
  const cleaned = clean(text);
  if (3 * cleaned.length <= bytes || Buffer.byteLength(cleaned) <= bytes) return cleaned;
  return Buffer.from(cleaned)
    .subarray(0, bytes)
    .toString()
    .replace(/\ufffd+$/, "");
}
