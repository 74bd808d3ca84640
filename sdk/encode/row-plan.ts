import { analyticsSchema, type Leaf, leafOf } from "../record/fields.ts";
import type { AnalyticsRecord, Field } from "../record/types.ts";
import { mostCopies } from "./pages.ts";
import { MAX_TIME } from "./time.ts";

/** Bytes of a row whatever its columns, and of a column that is neither text nor time. */
const OF_A_ROW = 64;
const OF_A_VALUE = 32;

/** The columns of a row: where their values lie, and how much room they take. */
export interface RowPlan {
  readonly leaves: readonly (Leaf | null)[];
  readonly slots: Uint16Array;
  /** What a row takes besides its texts, bytes. */
  readonly fixed: number;
  /** How often the same field may come in a row. */
  readonly copies: number;
}

/** Fields resolved; null for what a function computes. */
export function leavesOf(columns: readonly (Field | ((record: AnalyticsRecord) => unknown))[]): (Leaf | null)[] {
  return columns.map((column) => (typeof column === "function" ? null : leafOf(analyticsSchema, column)));
}

export function rowPlan(columns: Parameters<typeof leavesOf>[0]): RowPlan {
  const leaves = leavesOf(columns);
  return {
    leaves,
    slots: Uint16Array.from(leaves, (leaf) => leaf?.slot ?? 0),
    fixed: leaves.reduce((sum, leaf) => sum + (leaf?.type === "time" ? MAX_TIME : OF_A_VALUE), OF_A_ROW),
    copies: mostCopies(leaves),
  };
}
