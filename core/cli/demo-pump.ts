import type { Config } from "../config/config.ts";
import type { Loaded } from "../config/load.ts";
import type { Logger } from "../logging/logger.ts";
import type { Status } from "../supervisor/status.ts";
import { formatAnswers } from "./answers.ts";
import { analyticsFile, type EmbeddedConfig, loggerFor, outputPath, reportProblems } from "./configuration.ts";
import { accounted, untilDelivered } from "./deliver.ts";
import { demoRun } from "./demo-source.ts";
import { startEmbedded } from "./embedded.ts";
import { EXIT } from "./errors.ts";
import { feedSteadily } from "./feed.ts";
import { formatCount, formatDuration } from "./format.ts";
import { type Live, liveOutput } from "./live.ts";
import type { Parts } from "./parts.ts";
import { createRates } from "./rates.ts";
import type { Running } from "./run.ts";
import { watchSignals } from "./signals.ts";
import { displayPath, sinkTable } from "./summary.ts";
import { version } from "./version.ts";
import { statusLine, statusTable } from "./view.ts";

const TABLE_MS = 250;
const LINE_MS = 3000;
/** At the end, for what was generated last. */
const LAST_MS = 2000;

export interface DemoPumpOptions {
  loaded: Loaded;
  parts: Parts;
  /** Records a second. */
  rate: number;
  debug: boolean;
}

/** What `npm start` shows: the pump on the embedded log, traffic of its own, until a signal. */
export async function demoPump({ loaded, parts, rate, debug }: DemoPumpOptions): Promise<number> {
  const started = performance.now();
  const config = loaded.config as EmbeddedConfig;
  const live = liveOutput();
  const say = (text: string) => (live === null ? process.stdout.write(`${text}\n`) : live.print(text));
  const logger = quietLogger(config, debug, live);
  if (!reportProblems(loaded, logger)) return EXIT.failed;

  const signals = watchSignals(say);
  say(introduction(config, rate));

  const { signal } = signals;
  const analytics = analyticsFile(config);
  const control = { configuration: null, stop: signals.ask, console: true };
  const options = { config, parts, logger, health: "free", signal, control, analytics } as const;
  const { running, feed, stop } = await startEmbedded(options);
  say(`Health and metrics: http://localhost:${running.port}/readyz and /metrics`);
  say(running.console === null ? "" : `Console: ${running.console}\n`);

  const demo = demoRun({ org: "demo", lively: true });
  let batches = 0;
  const batch = (count: number, start: number) => ({ ...demo, seed: demo.seed + batches++, count, start, spacing: 0 });
  const view = show(running, live, say);
  const generated = await feedSteadily(feed, rate, batch);

  clearInterval(view);
  say(`Stopping: what is in hand is delivered first (again Ctrl-C: at once).`);
  await untilDelivered(running, generated, AbortSignal.timeout(LAST_MS));
  await running.measure();
  const before = running.status();
  const answers = await stop();
  const status = running.status();
  live?.end();
  logger.flush();
  say(summary(config, status, waiting(before, status), generated, performance.now() - started));
  if (answers !== null) say(formatAnswers(answers).join("\n"));
  return EXIT.ok;
}

/** On a terminal the table has the screen: only what needs a person is printed above it. */
function quietLogger(config: Config, debug: boolean, live: Live | null): Logger {
  const level = debug ? "debug" : "warn";
  return loggerFor(config, { level, ...(live === null ? {} : { write: (line) => live.print(line.trimEnd()) }) });
}

function show(running: Running, live: Live | null, say: (text: string) => void): NodeJS.Timeout {
  const rates = createRates();
  const look = () => {
    const status = running.status();
    const perSecond = rates.update(status, performance.now());
    if (live === null) say(`${new Date().toLocaleTimeString("en-GB")} ${statusLine(status, perSecond)}`);
    else live.draw(statusTable(status, perSecond));
  };
  if (live === null) rates.update(running.status(), performance.now());
  else look();
  return setInterval(look, live === null ? LINE_MS : TABLE_MS);
}

function introduction(config: Config, rate: number): string {
  const names = config.sinks.map(({ name }) => name.length);
  const sinks = config.sinks.map((sink) => {
    const path = outputPath(sink);
    const what = sink.prepare.filters.responseCodes.length > 0 ? "failed requests" : "all records";
    return `  ${sink.name.padEnd(Math.max(...names))}  ${what.padEnd(15)}  ${path === null ? sink.type : displayPath(path)}`;
  });
  return [
    `Sluice ${version()}, a demonstration: nothing is configured, so it makes its own traffic.`,
    `${formatCount(rate)} records a second go into an embedded log, and from there to ${config.sinks.length} sinks:`,
    ...sinks,
    "Stop it with Ctrl-C. The real pump reads Tyk Pump's own file: sluice start -c pump.conf",
  ].join("\n");
}

function summary(config: Config, status: Status, waiting: number, generated: number, ms: number): string {
  const left =
    waiting > 0 ? [`${formatCount(waiting)} records wait in the log and are delivered at the next start.`] : [];
  return [
    "",
    `Ran ${formatDuration(ms)}, ${formatCount(generated)} records generated.`,
    ...sinkTable(config, status),
    ...left,
  ].join("\n");
}

/** What the slowest sink still had before it when the pump had stopped. */
function waiting(before: Status, after: Status): number {
  const left = after.sinks.map((sink, i) => {
    const then = before.sinks[i]!;
    return accounted(then) + then.lag.records - accounted(sink);
  });
  return Math.max(0, ...left);
}
