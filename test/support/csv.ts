import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Rows of one or more files with one header, as text. */
export interface Csv {
  header: string[];
  rows: string[][];
}

/** Not what Go's encoding/csv writes, or not a file of the CSV sink. */
export class CsvFault extends Error {
  override readonly name = "CsvFault";
}

const QUOTE = '"';

/**
 * Reads CSV as strictly as it is written: LF ends each row, the last one too; a quote only around a field or doubled within
 * one; no bare CR; as many fields in each row. Throws CsvFault with the row and what was found.
 */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  const fault = (what: string) =>
    new CsvFault(
      `row ${rows.length + 1}, field ${row.length + 1}: ${what}: ${JSON.stringify(text.slice(at, at + 80))}`,
    );
  while (at < text.length) {
    const { value, end } = text[at] === QUOTE ? quoted(text, at, fault) : plain(text, at, fault);
    at = end;
    row.push(value);
    const separator = text[at];
    if (separator === undefined) throw fault("the file ends within a row");
    if (separator !== "," && separator !== "\n") throw fault("neither a comma nor a line feed after a field");
    at++;
    if (separator === ",") continue;
    if (rows.length > 0 && row.length !== rows[0]!.length) throw fault(`${row.length} fields, not ${rows[0]!.length}`);
    rows.push(row);
    row = [];
  }
  if (row.length > 0) throw fault("the file ends behind a comma");
  return rows;
}

type Field = { value: string; end: number };
type Fault = (what: string) => CsvFault;

function quoted(text: string, from: number, fault: Fault): Field {
  let at = from + 1;
  let value = "";
  for (;;) {
    const close = text.indexOf(QUOTE, at);
    if (close < 0) throw fault("a quote is never closed");
    value += text.slice(at, close);
    if (text[close + 1] !== QUOTE) return { value, end: close + 1 };
    value += QUOTE;
    at = close + 2;
  }
}

function plain(text: string, from: number, fault: Fault): Field {
  let end = from;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === 44 || c === 10) break;
    if (c === 34 || c === 13) throw fault("a quote or a carriage return within a field without quotes");
  }
  return { value: text.slice(from, end), end };
}

/** All `.csv` files of these folders: each begins with the header, which stands nowhere else. */
export function readCsv(...folders: string[]): Csv {
  const all: Csv = { header: [], rows: [] };
  for (const file of folders.flatMap(csvFiles)) {
    const [header, ...rows] = parseCsv(readFileSync(file, "utf8"));
    if (header === undefined) throw new CsvFault(`${file} is empty`);
    if (all.header.length === 0) all.header = header;
    const first = header.join();
    if (first !== all.header.join())
      throw new CsvFault(`${file} begins with ${JSON.stringify(first)}, not with the header`);
    for (const row of rows) {
      if (row[0] === header[0] && row.join() === first) throw new CsvFault(`${file} holds the header twice`);
      all.rows.push(row);
    }
  }
  return all;
}

export function csvFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".csv"))
    .sort()
    .map((name) => join(folder, name));
}
