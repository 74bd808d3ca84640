/** 1234567 -> 1,234,567 */
export function formatCount(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 chunk", "2 chunks": the word for so many. */
export function plural(n: number, word: string): string {
  return n === 1 ? word : `${word}s`;
}

/** With a full stop at its end, and one only. */
export function withFullStop(text: string): string {
  return text.replace(/\.?$/, ".");
}

/** 850 ms, 4.2 s, 3 min 20 s, 2 h 5 min */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** 0.05 ms, 12 ms, 1.4 s */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 100_000 ? 1 : 0)} s`;
  return `${ms >= 10 ? Math.round(ms) : Number(ms.toPrecision(2))} ms`;
}

/** 12 B, 3.4 kB, 18 MB */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "kB", "MB"]) {
    if (value < 999.5) return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} GB`;
}

export interface Column {
  title: string;
  align: "left" | "right";
}

/** Lines of a table: a title line, then a line a row, columns as wide as they must be. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? "";
        return align === "right" ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
      })
      .join("  ")
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** Text from elsewhere, safe to show on a terminal and in one line. */
export function plain(text: string): string {
  return text.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
}

/** JSON for a terminal: what could steer it, or hide text, is escaped. */
export function plainJson(value: unknown): string {
  return plainLines(JSON.stringify(value, null, 2));
}

/** The same for whatever text, whose line feeds and tabs stay. */
export function plainLines(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u2028\u2029\p{Cf}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}
