/** "2024-03-05 13:04:05.123456", in UTC, microseconds cut. PostgreSQL: any year, "BC" for those before 1 is not made here. */
export function timeText(seconds: number, nanos: number): string {
  const date = new Date(seconds * 1000).toISOString();
  const micros = String(Math.floor(nanos / 1000)).padStart(6, "0");
  return `${date.slice(0, -5).replace("T", " ")}.${micros}`;
}
