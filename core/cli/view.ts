import { styleText } from "node:util";
import type { SinkState, SinkStatus, Status } from "../supervisor/status.ts";
import { deliveredWell } from "./deliver.ts";
import { type Column, formatCount, formatDuration, formatTable, plain } from "./format.ts";

const RATE_COLUMN: Column = { title: "records/s", align: "right" };

const COLUMNS: readonly Column[] = [
  { title: "sink", align: "left" },
  { title: "state", align: "left" },
  RATE_COLUMN,
  { title: "delivered", align: "right" },
  { title: "lag", align: "right" },
  { title: "behind", align: "right" },
  { title: "retries", align: "right" },
  { title: "dead letters", align: "right" },
];

const STATE_COLUMN = 1;

const COLOURS: { readonly [state in SinkState]: "green" | "yellow" | "red" } = {
  starting: "yellow",
  opening: "yellow",
  open: "green",
  draining: "yellow",
  restarting: "yellow",
  suspended: "red",
  stopped: "yellow",
};

/** A line a sink, and under it why those that are not ready are not. One look alone tells no rates: without them that column is left out. */
export function statusTable(status: Status, rates?: ReadonlyMap<string, number>): string[] {
  const columns = rates ? COLUMNS : COLUMNS.filter((column) => column !== RATE_COLUMN);
  const rows = status.sinks.map((sink) => [
    plain(sink.name),
    sink.state,
    ...(rates ? [formatCount(rates.get(sink.name) ?? 0)] : []),
    formatCount(deliveredWell(sink)),
    formatCount(sink.lag.records),
    sink.lag.records === 0 ? "-" : formatDuration(sink.lag.oldestMs),
    formatCount(sink.retries),
    formatCount(sink.deadLettered),
  ]);
  const [title, ...lines] = formatTable(columns, rows);
  const coloured = lines.map((line, i) => colourState(line, rows[i]![STATE_COLUMN] as SinkState));
  return [styleText("bold", title!), ...coloured, ...troubles(status)];
}

/** The same in one line, for logs and pipes. */
export function statusLine(status: Status, rates: ReadonlyMap<string, number>): string {
  const sinks = status.sinks.map((sink) => {
    const rate = formatCount(rates.get(sink.name) ?? 0);
    const state = sink.reason === null ? sink.state : `${sink.state}: ${plain(sink.reason)}`;
    const letters = sink.deadLettered > 0 ? `, dead letters ${formatCount(sink.deadLettered)}` : "";
    return `${plain(sink.name)} ${rate} records/s, lag ${formatCount(sink.lag.records)}, retries ${formatCount(sink.retries)}${letters}, ${state}`;
  });
  if (status.logError !== null) sinks.unshift(`log out of reach: ${plain(status.logError)}`);
  return sinks.join("; ");
}

/** Why those that are not ready are not, a line each. */
export function troubles(status: Status): string[] {
  const lines = status.sinks.filter(hasReason).map((sink) => `${plain(sink.name)}: ${plain(sink.reason)}`);
  if (status.logError !== null) lines.unshift(`The log is out of reach: ${plain(status.logError)}`);
  return lines.map((line) => styleText("yellow", line));
}

function hasReason(sink: SinkStatus): sink is SinkStatus & { reason: string } {
  return sink.reason !== null;
}

function colourState(line: string, state: SinkState): string {
  return line.replace(`  ${state}`, `  ${styleText(COLOURS[state], state)}`);
}

/** `[#####.....]  50 %  50,000 of 100,000 records  12,000 records/s  4.2 s left` */
export function progressLine(done: number, total: number, rate: number, width = 24): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.floor(share * width);
  const left = rate > 0 && done < total ? `  ${formatDuration(((total - done) / rate) * 1000)} left` : "";
  const bar = "#".repeat(full) + ".".repeat(width - full);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${formatCount(done)} of ${formatCount(total)} records  ${formatCount(rate)} records/s${left}`;
}
