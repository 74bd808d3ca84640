import { createReadStream, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { csvRows } from "../csv-rows.ts";
import { requests } from "../exposition.ts";
import type { SinkName, Stage } from "./stage.ts";
import type { Arrival } from "./verdict.ts";

/** A record's number is its time, in milliseconds since this one. */
export const FIRST = Date.UTC(2026, 2, 14);

/** As Go prints a time: the first in a row is the record's own. */
const TIME = /,(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d\d)(\d\d) /;

/** Counts at the far ends. The pump has ended; `scraped` is the last that the prometheus sink showed. */
export async function arrivalsAt(
  { postgres, rows }: Stage,
  pushed: number,
  scraped: string,
  repeats: ReadonlyMap<string, number>,
): Promise<Arrival[]> {
  const arrival = (sink: SinkName, arrived: number, distinct: number | null = null): Arrival => {
    return { sink, arrived, distinct, exact: sink === "sql_aggregate", repeats: repeats.get(sink) ?? 0 };
  };
  const [table] = await postgres.query("SELECT count(*) AS n, count(DISTINCT timestamp) AS d FROM tyk_analytics");
  const [total] = await postgres.query(
    "SELECT coalesce(sum(counter_hits), 0) AS n FROM tyk_aggregated WHERE dimension = ''",
  );
  return [
    arrival("csv", csvRows(rows), await distinctRows(rows, pushed)),
    arrival("sql", Number(table!.n), Number(table!.d)),
    arrival("sql_aggregate", Number(total!.n)),
    arrival("prometheus", requests(scraped)),
  ];
}

/** How many of the records [0, pushed) there are. */
async function distinctRows(folder: string, pushed: number): Promise<number> {
  const seen = new Uint8Array(pushed);
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".csv"))) {
    for await (const row of createInterface({ input: createReadStream(join(folder, name), "latin1") })) {
      const [, day, time, hours, rest] = TIME.exec(row) ?? [];
      if (day !== undefined) seen[Date.parse(`${day}T${time}${hours}:${rest}`) - FIRST] = 1;
    }
  }
  return seen.reduce((count, one) => count + one, 0);
}
