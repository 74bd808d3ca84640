/**
 * Where the last complete row of a file ends, without reading the file from its start.
 *
 * A row's end is an LF outside quotes, and whether a byte lies in quotes depends on all before it. So the tail is read in
 * every state that the parser could be in where the tail begins. Go's encoding/csv writes a strict language (a quote only
 * at either end of a field or doubled within one, CR only in quotes), in which a wrong state soon meets a byte that cannot
 * be. The state that is true is never refuted; once all that are left agree on where the last row ends, that is proven.
 * Until then more is read; from the file's start there is only one state.
 */

const FIELD_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
/** After a quote in quotes: the field's end, or the first of two. */
const QUOTE = 3;
const REFUTED = 4;

const STATES = [FIELD_START, UNQUOTED, QUOTED, QUOTE];

const COMMA = 1;
const LF = 2;
const CR = 3;
const MARK = 4;
const CLASSES = 5;

/** Of each byte; 0: any other. */
const CLASS = new Uint8Array(256);
CLASS[44] = COMMA;
CLASS[10] = LF;
CLASS[13] = CR;
CLASS[34] = MARK;

/** NEXT[state * CLASSES + class] */
const NEXT = Uint8Array.from([
  ...[UNQUOTED, FIELD_START, FIELD_START, REFUTED, QUOTED], // at the start of a field
  ...[UNQUOTED, FIELD_START, FIELD_START, REFUTED, REFUTED], // in one without quotes
  ...[QUOTED, QUOTED, QUOTED, QUOTED, QUOTE], // in quotes
  ...[REFUTED, FIELD_START, FIELD_START, REFUTED, QUOTED], // after a quote in quotes
]);

const FIRST_WINDOW = 16 * 1024;
/** No field is as large as this: past it, what would be one field without a quote in it is not. */
const LARGEST_WINDOW = 64 * 1024 * 1024;

/**
 * The offset after the last complete row of a file of `size` bytes; 0 if there is none; null if the file does not hold rows as
 * this sink writes them. `read` gives the bytes [at, at + size).
 */
export async function lastRowEnd(
  size: number,
  read: (at: number, size: number) => Promise<Uint8Array>,
): Promise<number | null> {
  for (let window = FIRST_WINDOW; ; window *= 4) {
    const from = Math.max(0, size - window);
    const bytes = await read(from, size - from);
    if (from === 0) return rowEnd(bytes, FIELD_START) ?? null;
    const last = window >= LARGEST_WINDOW;
    const ends = new Set<number>();
    for (const state of STATES) {
      const end = rowEnd(bytes, state);
      if (end !== undefined && !(last && end === 0)) ends.add(end);
    }
    const [end] = ends;
    if (end === undefined) return null;
    if (ends.size === 1 && end > 0) return from + end;
    if (last) return null;
  }
}

/** After the last row that ends in `bytes`, read from this state on; 0: none does; undefined: they cannot be rows. */
function rowEnd(bytes: Uint8Array, from: number): number | undefined {
  let state = from;
  let end = 0;
  for (let i = 0; i < bytes.length; i++) {
    const kind = CLASS[bytes[i]!]!;
    state = NEXT[state * CLASSES + kind]!;
    if (kind === LF && state === FIELD_START) end = i + 1;
    else if (state === REFUTED) return undefined;
  }
  return end;
}
