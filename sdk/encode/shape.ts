import type { AnalyticsRecord, Field } from "../record/types.ts";

/** Fields by the name they get; constants; functions for what is computed. "record" is the reference's full JSON. */
export type Shape<R = AnalyticsRecord> =
  | "record"
  | { readonly [name: string]: Field | string | number | boolean | null | ((record: R) => unknown) };

export interface JsonOptions<R = AnalyticsRecord> {
  /** "lines": LF after each record (default); "array": one JSON array a page; "concat": nothing between. */
  join?: "lines" | "array" | "concat";
  /** Text ahead of each record (a bulk action line). */
  before?: (record: R) => string;
}
