import { styleText } from "node:util";
import type { About } from "../control/control.ts";
import type { LetterSummary } from "../control/letters.ts";
import { deliveryTimes } from "../control/percentiles.ts";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import { deliveredWell } from "./deliver.ts";
import {
  type Column,
  formatBytes,
  formatCount,
  formatDuration,
  formatMs,
  formatTable,
  plain,
  plural,
} from "./format.ts";
import { rateOf, type Span } from "./rates.ts";
import { chosenAt, type Sort, sorted, type TopState } from "./top-state.ts";

/** All that is known. */
export interface TopView {
  about: About;
  span: Span;
  state: TopState;
  /** Of the sink that is looked into, where they could be asked for. */
  letters: LetterSummary | null;
  /** Of the last profile. */
  report: readonly string[];
  /** What was done last, or went wrong. */
  message: string;
  /** Milliseconds since 1970. */
  now: number;
}

export interface Size {
  columns: number;
  rows: number;
}

type Style = Parameters<typeof styleText>[0];

interface Line {
  text: string;
  style?: Style;
}

const KEYS = {
  sinks: "arrows choose   Enter look into   s sort   p profile   u suspend   r resume   q quit",
  sink: "arrows scroll   p profile   u suspend   r resume   Esc back",
  profile: "arrows scroll   Esc back",
} as const satisfies { [screen in TopState["screen"]]: string };

/** As many lines as there are rows, none wider than there are columns. */
export function topLines(view: TopView, size: Size): string[] {
  const head = headOf(view);
  const foot: Line[] = [
    { text: plain(view.message), style: "yellow" },
    { text: KEYS[view.state.screen], style: "dim" },
  ];
  const room = Math.max(0, size.rows - head.length - foot.length);
  const body = BODIES[view.state.screen](view, size.columns);
  const from = Math.min(
    view.state.screen === "sinks" ? firstShown(view, room) : view.state.scroll,
    Math.max(0, body.length - room),
  );
  const shown = body.slice(from, from + room);
  const gap = Array.from({ length: room - shown.length }, (): Line => ({ text: "" }));
  return [...head, ...shown, ...gap, ...foot].slice(0, size.rows).map(({ text, style }) => {
    const cut = text.length > size.columns ? `${text.slice(0, Math.max(0, size.columns - 1))}…` : text;
    return style === undefined ? cut : styleText(style, style === "inverse" ? cut.padEnd(size.columns) : cut);
  });
}

/** The same once, for pipes. */
export function plainTable(about: About, span: Span): string[] {
  const state: TopState = { screen: "sinks", chosen: null, sort: "name", scroll: 0 };
  const view = { about, span, state, letters: null, report: [], message: "", now: Date.now() };
  return [...headOf(view), ...sinksBody(view, Number.POSITIVE_INFINITY)].map(({ text }) => text);
}

const BODIES: { readonly [screen in TopState["screen"]]: (view: TopView, columns: number) => Line[] } = {
  sinks: sinksBody,
  sink: sinkBody,
  profile: ({ report }) => report.map((text) => ({ text })),
};

function headOf({ about, span, now }: TopView): Line[] {
  const { last, seconds } = span;
  const configuration = about.configuration === null ? "variables" : plain(about.configuration);
  const { backlog, slabs } = last;
  const limit = backlog.limit === 0 ? "" : ` of ${formatBytes(backlog.limit)}`;
  const claimed = last.lists.map(({ name, claimed, live }) => {
    const before = span.first.lists.find((list) => list.name === name)?.claimed ?? claimed;
    return { name, live, rate: seconds === 0 ? 0 : Math.max(0, claimed - before) / seconds };
  });
  const busy = claimed.filter(({ live, rate }) => live > 0 || rate > 0).slice(0, 3);
  return [
    {
      text: `Sluice ${plain(about.version)}  ${configuration}  pid ${about.pid}  up ${formatDuration(Math.max(0, now - last.startedAt))}`,
      style: "bold",
    },
    {
      text: `backlog ${formatCount(backlog.records)} records, ${formatBytes(backlog.bytes)}${limit}   memory for batches ${formatBytes(slabs.bytes)}`,
    },
    ...(busy.length === 0 ? [{ text: "lists: nothing comes in" }] : []),
    ...busy.map(({ name, live, rate }) => {
      return { text: `list ${plain(name)}: ${formatCount(rate)} records/s, ${formatCount(live)} wait unclaimed` };
    }),
    ...alarms(last).map((text) => ({ text, style: "yellow" as const })),
    { text: "" },
  ];
}

function alarms({ logError, backlog }: Status): string[] {
  return [
    ...(logError === null ? [] : [`The log is out of reach: ${plain(logError)}`]),
    ...(backlog.holding === null ? [] : [plain(backlog.holding)]),
    ...(backlog.orphans.length === 0
      ? []
      : [`Sinks that nobody configures: ${backlog.orphans.map(plain).join(", ")} (see sluice sinks list)`]),
  ];
}

/** From the most important on; a narrow terminal has the first ones. */
const COLUMNS: readonly (Column & { sort?: Sort; cell(sink: SinkStatus, span: Span): string })[] = [
  { title: "sink", align: "left", sort: "name", cell: ({ name }) => cut(plain(name), 40) },
  { title: "state", align: "left", sort: "state", cell: ({ state }) => plain(state) },
  {
    title: "records/s",
    align: "right",
    sort: "rate",
    cell: (sink, span) => formatCount(rateOf(span, sink, ({ delivered }) => delivered)),
  },
  { title: "behind", align: "right", sort: "lag", cell: ({ lag }) => formatCount(lag.records) },
  {
    title: "oldest",
    align: "right",
    cell: ({ lag }) => (lag.records === 0 ? "-" : formatDuration(lag.oldestMs)),
  },
  {
    title: "CPU",
    align: "right",
    sort: "cpu",
    cell: (sink, span) => percent(rateOf(span, sink, ({ cpuSeconds }) => cpuSeconds)),
  },
  {
    title: "bytes/s",
    align: "right",
    cell: (sink, span) => formatBytes(rateOf(span, sink, ({ deliveredBytes }) => deliveredBytes)),
  },
  { title: "actors", align: "right", cell: ({ actors }) => String(actors.length) },
  { title: "retries", align: "right", cell: ({ retries }) => formatCount(retries) },
  { title: "dead letters", align: "right", cell: ({ deadLettered }) => formatCount(deadLettered) },
  { title: "delivered", align: "right", cell: (sink) => formatCount(deliveredWell(sink)) },
];

function sinksBody({ span, state }: TopView, columns: number): Line[] {
  const sinks = sorted(span, state.sort);
  const cells = sinks.map((sink) => COLUMNS.map(({ cell }) => cell(sink, span)));
  const titles = COLUMNS.map(({ title, align, sort }) => ({ title: sort === state.sort ? `${title}*` : title, align }));
  const fitting = fit(titles, cells, columns);
  const [title, ...lines] = formatTable(titles.slice(0, fitting), cells);
  const at = chosenAt(state, sinks);
  return [
    { text: title!, style: "bold" },
    ...lines.flatMap((text, i): Line[] => {
      const { reason } = sinks[i]!;
      const line = { text, ...styleOf(sinks[i]!, i === at && columns !== Number.POSITIVE_INFINITY) };
      return reason === null ? [line] : [line, { text: `    ${plain(reason)}`, style: "yellow" }];
    }),
  ];
}

/** How many of the columns there is room for. */
function fit(titles: readonly Column[], rows: readonly (readonly string[])[], columns: number): number {
  let used = -2;
  for (const [i, { title }] of titles.entries()) {
    used += 2 + Math.max(title.length, ...rows.map((row) => row[i]!.length));
    if (used > columns) return Math.max(1, i);
  }
  return titles.length;
}

function styleOf({ state, ready }: SinkStatus, chosen: boolean): { style?: Style } {
  if (chosen) return { style: "inverse" };
  if (state === "suspended") return { style: "red" };
  return ready ? {} : { style: "yellow" };
}

/** So that the chosen sink is seen. */
function firstShown({ span, state }: TopView, room: number): number {
  const sinks = sorted(span, state.sort);
  const upTo = sinks.slice(0, chosenAt(state, sinks) + 1);
  const line = upTo.reduce((sum, { reason }) => sum + (reason === null ? 1 : 2), 1);
  return Math.max(0, line - room);
}

function sinkBody({ span, state, letters }: TopView): Line[] {
  const sink = span.last.sinks.find(({ name }) => name === state.chosen);
  if (!sink) return [{ text: "This sink is gone." }];
  const before = span.first.sinks.find(({ name }) => name === sink.name);
  const times = deliveryTimes(before?.latency.counts ?? [], sink.latency.counts);
  const rate = (total: (sink: SinkStatus) => number) => rateOf(span, sink, total);
  const rows: [name: string, value: string][] = [
    [
      "throughput",
      `${formatCount(rate(({ delivered }) => delivered))} records/s, ${formatBytes(rate((one) => one.deliveredBytes))}/s`,
    ],
    [
      "behind",
      `${formatCount(sink.lag.records)} records in ${formatCount(sink.lag.chunks)} ${plural(sink.lag.chunks, "chunk")}, the oldest ${formatDuration(sink.lag.oldestMs)}; ` +
        `${formatCount(sink.held.records)} in hand`,
    ],
    [
      "delivery takes",
      times.max === 0 ? "-" : `half ${formatMs(times.p50)}, 90 % ${formatMs(times.p90)}, 99 % ${formatMs(times.p99)}`,
    ],
    [
      "so far",
      `${formatCount(sink.written)} written, ${formatCount(sink.filtered)} filtered, ${formatCount(sink.skipped)} left out, ` +
        `${formatCount(sink.deadLettered)} dead letters, ${formatCount(sink.redelivered)} again, ` +
        `${formatCount(sink.retries)} retries, ${formatCount(sink.restarts)} restarts`,
    ],
  ];
  return [
    { text: `${plain(sink.name)} (${plain(sink.type)}): ${plain(sink.state)}`, style: "bold" },
    ...(sink.reason === null ? [] : [{ text: plain(sink.reason), style: "yellow" as const }]),
    ...(sink.backlog.reason === null ? [] : [{ text: plain(sink.backlog.reason), style: "yellow" as const }]),
    { text: "" },
    ...rows.map(([name, value]) => ({ text: `${name.padEnd(16)} ${value}` })),
    ...section("Actors", actorLines(sink, before, span.seconds)),
    ...section("Measured by the plugin", metricLines(sink)),
    ...section("Dead letters by reason", letterLines(letters)),
  ];
}

function section(title: string, lines: readonly string[]): Line[] {
  if (lines.length === 0) return [];
  return [{ text: "" }, { text: title, style: "bold" }, ...lines.map((text) => ({ text: `  ${text}` }))];
}

function actorLines({ actors }: SinkStatus, before: SinkStatus | undefined, seconds: number): string[] {
  const titles = ["actor", "state", "CPU", "at work", "heap", "buffers"];
  const rows = actors.map(({ actor, state, cpuSeconds, eventLoopUse, heapBytes, externalBytes }) => {
    const earlier = before?.actors.find((one) => one.actor === actor)?.cpuSeconds ?? cpuSeconds;
    const cpu = seconds === 0 ? 0 : Math.max(0, cpuSeconds - earlier) / seconds;
    return [
      String(actor),
      plain(state),
      percent(cpu),
      percent(eventLoopUse),
      formatBytes(heapBytes),
      formatBytes(externalBytes),
    ];
  });
  return formatTable(
    titles.map((title, i) => ({ title, align: i === 1 ? "left" : "right" })),
    rows,
  );
}

function metricLines({ metrics }: SinkStatus): string[] {
  return metrics.map(({ name, help, kind, value, count }) => {
    const shown =
      kind === "histogram" ? `${formatCount(count)} times, mean ${mean(value, count)}` : formatNumber(value);
    return `${cut(plain(name), 40)}  ${shown}  ${plain(help)}`;
  });
}

function letterLines(letters: LetterSummary | null): string[] {
  if (letters === null) return [];
  const lines = letters.totals.map(({ records, reason }) => `${formatCount(records)}  ${plain(reason)}`);
  return lines.length === 0 ? ["none"] : lines;
}

function mean(sum: number, count: number): string {
  return count === 0 ? "-" : formatNumber(sum / count);
}

function formatNumber(value: number): string {
  return Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(4)));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
