/** Rows of the reference's tables against ours, field by field, but for what docs/compatibility.md lists. */

export interface AggregateRow {
  readonly [column: string]: unknown;
}

/** Buckets together: the reference puts a whole purge into the bucket of its first record. */
interface Folded {
  key: string;
  sums: { [column: string]: number };
  maxima: { [column: string]: number };
  minima: { [column: string]: number };
  texts: { [column: string]: string };
  /** What we may have instead: the reference has the last one, ours are of each bucket. */
  humans: Set<string>;
  lastTime: number;
}

const SUMS =
  /^(code_.*|counter_(hits|success|error|open_connections|closed_connections|bytes_in|bytes_out|total_request_time|total_latency|total_upstream_latency))$/;
const MAXIMA = ["counter_max_latency", "counter_max_upstream_latency"];
const MINIMA = ["counter_min_latency", "counter_min_upstream_latency"];
const TEXTS = ["counter_identifier", "counter_error_map", "counter_error_list"];
const MEANS = [
  ["counter_request_time", "counter_total_request_time"],
  ["counter_latency", "counter_total_latency"],
  ["counter_upstream_latency", "counter_total_upstream_latency"],
] as const;

const GRAPH = ["operation", "types", "fields", "rootfields"];

/** Every difference, as a sentence; none if all is as it should be. */
export function differences(
  ours: readonly AggregateRow[],
  theirs: readonly AggregateRow[],
  /** Rows of several purges: which name was written first is not known. */
  { purges = false } = {},
): string[] {
  const found: string[] = [...ours, ...theirs].flatMap(selfContradictions);
  const mine = fold(ours);
  // A row of network statistics is no request: GraphQL dimensions have none of ours.
  const wanted = fold(theirs.filter((row) => !GRAPH.includes(String(row.dimension)) || Number(row.counter_hits) > 0));
  for (const key of mine.keys()) if (!wanted.has(key)) found.push(`${key} is not in the recording`);
  for (const [key, their] of wanted) {
    const our = mine.get(key);
    if (!our) found.push(`${key} is missing`);
    else found.push(...compare(our, their, purges));
  }
  return found;
}

function compare(our: Folded, their: Folded, purges: boolean): string[] {
  const found: string[] = [];
  const differ = (column: string, mine: unknown, wanted: unknown) =>
    found.push(`${our.key} ${column}: ${String(mine)}, the recording has ${String(wanted)}`);
  const graph = GRAPH.includes(our.key.split("|")[2]!);
  for (const [column, wanted] of Object.entries(their.sums)) {
    // Statistics of connections are no part of a GraphQL operation; integers beyond 2^63 wrap there.
    if (graph && /connections|bytes/.test(column)) continue;
    // A failed redirect counts as minus one success there.
    if (graph && column === "counter_success" && our.sums.counter_success! >= wanted) continue;
    if (!close(our.sums[column]!, wanted) && Math.abs(our.sums[column]!) < 2 ** 62)
      differ(column, our.sums[column], wanted);
  }
  for (const column of MAXIMA) {
    const mine = our.maxima[column]!;
    const wanted = their.maxima[column]!;
    // There a maximum is never below zero in the total.
    if (!close(mine, wanted) && !(mine < 0 && wanted === 0)) differ(column, mine, wanted);
  }
  for (const column of MINIMA) {
    const mine = our.minima[column]!;
    const wanted = their.minima[column]!;
    // There the first record's is kept whatever its code, and statistics have zero.
    const failed = their.sums.counter_error! > 0 || our.key.split("|")[2] === "" || their.sums.counter_bytes_in! > 0;
    if (!close(mine, wanted) && !failed) differ(column, mine, wanted);
  }
  for (const column of TEXTS)
    if (our.texts[column] !== their.texts[column]) differ(column, our.texts[column], their.texts[column]);
  if (!purges && ![...their.humans].every((human) => human === "" || our.humans.has(human))) {
    differ("counter_human_identifier", [...our.humans], [...their.humans]);
  }
  if (our.lastTime < their.lastTime) differ("counter_last_time", our.lastTime, their.lastTime);
  return found;
}

/** Means are totals by hits, in each row. */
function selfContradictions(row: AggregateRow): string[] {
  const hits = Number(row.counter_hits);
  return MEANS.flatMap(([mean, total]) => {
    const wanted = hits === 0 ? 0 : Number(row[total]) / hits;
    const has = Number(row[mean]);
    // The recording has NaN where there are no hits, and means of wrapped sums.
    return close(has, wanted) || hits === 0 || Math.abs(wanted) > 2 ** 50
      ? []
      : [`${String(row.id)} ${mean}: ${has}, not ${wanted}`];
  });
}

function fold(rows: readonly AggregateRow[]): Map<string, Folded> {
  const folded = new Map<string, Folded>();
  for (const row of rows) {
    const key = [row.org_id, row.api_id ?? "", row.dimension, row.dimension_value].map(String).join("|");
    const one = foldedOf(key, row);
    const known = folded.get(key);
    folded.set(key, known ? merge(known, one) : one);
  }
  return folded;
}

function foldedOf(key: string, row: AggregateRow): Folded {
  const numbers = (columns: readonly string[]) =>
    Object.fromEntries(columns.map((column) => [column, Number(row[column])]));
  return {
    key,
    sums: numbers(Object.keys(row).filter((column) => SUMS.test(column))),
    maxima: numbers(MAXIMA),
    minima: numbers(MINIMA),
    texts: Object.fromEntries(TEXTS.map((column) => [column, String(row[column])])),
    humans: new Set([String(row.counter_human_identifier)]),
    lastTime: Date.parse(String(row.counter_last_time).replace(" ", "T").replace(/\+00$/, "Z")),
  };
}

function merge(a: Folded, b: Folded): Folded {
  const sums = Object.fromEntries(Object.keys(a.sums).map((column) => [column, a.sums[column]! + b.sums[column]!]));
  const good = (one: Folded) => one.sums.counter_hits! > one.sums.counter_error!;
  const pick = (of: "maxima" | "minima", columns: readonly string[], which: (...values: number[]) => number) =>
    Object.fromEntries(
      columns.map((column) => {
        const [one, other] = [a[of][column]!, b[of][column]!];
        if (of === "minima" && good(a) !== good(b)) return [column, good(a) ? one : other];
        return [column, which(one, other)];
      }),
    );
  return {
    key: a.key,
    sums,
    maxima: pick("maxima", MAXIMA, Math.max),
    minima: pick("minima", MINIMA, Math.min),
    texts: a.texts,
    humans: new Set([...a.humans, ...b.humans]),
    lastTime: Math.max(a.lastTime, b.lastTime),
  };
}

function close(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b), 1);
}
