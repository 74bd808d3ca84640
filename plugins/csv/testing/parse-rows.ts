/** Reads CSV strictly: every row ended by LF and with as many cells as the first, quotes only where they belong. */
export function* parseRows(text: string): Generator<string[]> {
  let rows = 0;
  let cells = 0;
  const cell = /"((?:[^"]|"")*)"(,|\n)|([^",\r\n]*)(,|\n)/y;
  let row: string[] = [];
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex;
    const found = cell.exec(text);
    if (!found) throw new Error(`Row ${rows} is torn at byte ${at}: ${JSON.stringify(text.slice(at, at + 60))}`);
    const [, quoted, quotedEnd, plain, plainEnd] = found;
    row.push(quoted?.replaceAll('""', '"') ?? plain!);
    if ((quotedEnd ?? plainEnd) === ",") continue;
    cells ||= row.length;
    if (row.length !== cells) throw new Error(`Row ${rows} has ${row.length} cells`);
    yield row;
    rows++;
    row = [];
  }
  if (row.length > 0) throw new Error(`The last row ends after ${row.length} cells`);
}
