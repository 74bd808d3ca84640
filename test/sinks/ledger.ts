import { appendFileSync } from "node:fs";
import type { AnalyticsRecord, Batch } from "@sluice/sdk";

/** Writes down each record's identity and path, one line a record, in one append a call: what tests count by. */
export function note(file: string, batch: Batch<AnalyticsRecord>): void {
  let lines = "";
  for (const record of batch) lines += `${record.id} ${record.path}\n`;
  appendFileSync(file, lines);
}
