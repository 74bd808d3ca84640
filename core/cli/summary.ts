import { relative } from "node:path";
import type { Config } from "../config/config.ts";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import { outputPath } from "./configuration.ts";
import { deliveredWell } from "./deliver.ts";
import { type Column, formatCount, formatTable } from "./format.ts";

const COLUMNS: readonly Column[] = [
  { title: "sink", align: "left" },
  { title: "delivered", align: "right" },
  { title: "written", align: "right" },
  { title: "filtered", align: "right" },
  { title: "retries", align: "right" },
  { title: "dead letters", align: "right" },
];

/** What each sink got, and where it went. `more`: a further column, such as a rate. */
export function sinkTable(
  config: Config,
  status: Status,
  more?: { title: string; value: (sink: SinkStatus) => string },
): string[] {
  const columns = [...COLUMNS, ...(more ? [{ title: more.title, align: "right" as const }] : [])];
  const rows = status.sinks.map((sink) => [
    sink.name,
    formatCount(deliveredWell(sink)),
    formatCount(sink.written),
    formatCount(sink.filtered + sink.skipped),
    formatCount(sink.retries),
    formatCount(sink.deadLettered),
    ...(more ? [more.value(sink)] : []),
    outputOf(config, sink.name),
  ]);
  return formatTable([...columns, { title: "output", align: "left" }], rows);
}

function outputOf(config: Config, name: string): string {
  const sink = config.sinks.find((one) => one.name === name);
  const path = sink === undefined ? null : outputPath(sink);
  return path === null ? (sink?.type ?? "") : displayPath(path);
}

/** Relative to the working folder where it lies below it. */
export function displayPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith("..") || below === "" ? path : `./${below}`;
}
