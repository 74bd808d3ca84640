import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

const LF = 10;

/** Rows of all CSV files in the folder, their headers apart. No field may hold a line feed. */
export function csvRows(folder: string): number {
  const buffer = Buffer.alloc(1 << 20);
  let rows = 0;
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".csv"))) {
    const file = openSync(join(folder, name), "r");
    for (let n: number; (n = readSync(file, buffer)) > 0; ) {
      for (let at = buffer.indexOf(LF); at >= 0 && at < n; at = buffer.indexOf(LF, at + 1)) rows++;
    }
    closeSync(file);
    rows--;
  }
  return rows;
}
