import Sqlite from "better-sqlite3";

/** Answers from the tables that the sinks `sql` and `sql_aggregate` fill; each list holds at most five, the foremost first. */
export interface Analytics {
  busiest: { api: string; hits: number; share: number }[];
  failing: { api: string; hits: number; errors: number; rate: number }[];
  /** Of the last requests. Milliseconds: 95 of 100 requests took no longer than `p95`. */
  slowest: { path: string; hits: number; p95: number; mean: number }[];
}

/** Requests that the slowest paths are looked for in: what they cost has a bound, however large the file. */
const RECENT = 100_000;
/** Fewer say nothing about a path. */
const FEW = 20;

const APIS = `
  SELECT MAX(counter_human_identifier) AS name, dimension_value AS id, SUM(counter_hits) AS hits, SUM(counter_error) AS errors
  FROM tyk_aggregated WHERE dimension = 'apiid' GROUP BY dimension_value`;

const SLOWEST = `
  WITH recent AS (SELECT path, requesttime FROM tyk_analytics ORDER BY rowid DESC LIMIT ${RECENT}),
    ranked AS (SELECT path, requesttime, CUME_DIST() OVER (PARTITION BY path ORDER BY requesttime) AS part FROM recent)
  SELECT path, COUNT(*) AS hits, MIN(CASE WHEN part >= 0.95 THEN requesttime END) AS p95, AVG(requesttime) AS mean
  FROM ranked GROUP BY path HAVING hits >= ${FEW} ORDER BY p95 DESC, mean DESC LIMIT 5`;

interface ApiRow {
  name: string | null;
  id: string;
  hits: number;
  errors: number;
}

/** Asks a file of SQLite. Synchronous: it runs in the pool. Throws where the file or a table is not there. */
export function analyticsOf(file: string): Analytics {
  const database = new Sqlite(file, { readonly: true, fileMustExist: true });
  try {
    const apis = (database.prepare(APIS).all() as ApiRow[]).map(({ name, id, hits, errors }) => {
      return { api: name || id, hits, errors, rate: hits === 0 ? 0 : errors / hits };
    });
    const all = apis.reduce((sum, { hits }) => sum + hits, 0);
    return {
      busiest: first(apis, ({ hits }) => hits).map(({ api, hits }) => ({ api, hits, share: hits / all })),
      failing: first(apis, ({ rate }) => rate),
      slowest: database.prepare(SLOWEST).all() as Analytics["slowest"],
    };
  } finally {
    database.close();
  }
}

function first<T>(rows: readonly T[], by: (row: T) => number): T[] {
  return rows.toSorted((a, b) => by(b) - by(a)).slice(0, 5);
}
