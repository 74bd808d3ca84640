/** Which dead letters are meant; what is not set sets no bound. */
export interface LetterFilter {
  sink?: string;
  /** A part of the reason, in any case. */
  reason?: string;
  /** Milliseconds since 1970: not before, and before. */
  since?: number;
  until?: number;
  ids?: readonly string[];
  /** Behind this letter: `more` of the page before. */
  after?: string;
  /** At most so many letters; default: 100 when listed, all when replayed or dropped. */
  limit?: number;
}

export interface LetterSummary {
  /** In order of arrival, list by list. */
  letters: Letter[];
  /** To be given as `after`; null: there are no more. */
  more: string | null;
  /** Of all that the filter lets through, whatever the page. */
  records: number;
  bytes: number;
  /** Of these by sink and reason, the most first; at most 100. */
  totals: { sink: string; reason: string; records: number; bytes: number }[];
}

export interface Letter {
  /** Names it for this API: `<list>/<id in the log>`. */
  id: string;
  sink: string;
  list: string;
  chunk: string;
  /** Below zero: it tells of records that are gone, and is none itself; it cannot be replayed. */
  index: number;
  reason: string;
  /** Milliseconds since 1970. */
  at: number;
  bytes: number;
}

export interface LetterView extends Letter {
  /** Its fields by their JSON names; null: it cannot be decoded. */
  record: { [field: string]: unknown } | null;
  /** The record as the gateway wrote it, base64; empty where personal fields are blanked. */
  raw: string;
}
