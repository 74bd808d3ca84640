import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { formatAnswers } from "./answers.ts";
import { analyticsFile, inFolder, loggerFor, readConfiguration, reportProblems } from "./configuration.ts";
import { createProgress, missing, slowest, untilDelivered } from "./deliver.ts";
import { demoRun, lastHour } from "./demo-source.ts";
import { startEmbedded } from "./embedded.ts";
import { EXIT } from "./errors.ts";
import { feedBatches } from "./feed.ts";
import { formatCount, formatDuration } from "./format.ts";
import { liveOutput } from "./live.ts";
import type { Parts } from "./parts.ts";
import type { DemoOptions } from "./program.ts";
import { watchSignals } from "./signals.ts";
import { displayPath, sinkTable } from "./summary.ts";
import { progressLine, troubles } from "./view.ts";
import { realParts } from "./wiring.ts";

const BAR_MS = 100;
const LINE_MS = 2000;

/** `sluice demo --records n`: makes them, delivers them through an embedded log, tells what each sink got and how fast. */
export async function demo(options: DemoOptions, parts: Parts = realParts): Promise<number> {
  const loaded = options.conf === undefined ? await builtIn() : await readConfiguration(options);
  const folder = resolve("data", `demo-${stamp(new Date())}`);
  const config = inFolder(loaded.config, folder, { moveOutput: options.conf === undefined });
  const live = liveOutput();
  const say = (text: string) => (live === null ? process.stdout.write(`${text}\n`) : live.print(text));
  const level = options.debug ? "debug" : "warn";
  const logger = loggerFor(config, {
    level,
    secrets: loaded.hidden,
    ...(live === null ? {} : { write: (line) => live.print(line.trimEnd()) }),
  });
  if (!reportProblems(loaded, logger)) return EXIT.failed;

  const signals = watchSignals(say);
  const names = config.sinks.map(({ name }) => name).join(", ");
  const where = options.conf === undefined ? `in ${displayPath(folder)}` : `where ${options.conf} says`;
  say(`${formatCount(options.records)} records to ${names}; the output is ${where}`);

  const { signal } = signals;
  const analytics = options.conf === undefined ? analyticsFile(config) : null;
  const { running, feed, stop } = await startEmbedded({ config, parts, logger, health: "none", signal, analytics });

  const started = performance.now();
  const progress = createProgress(started);
  const show = () => {
    const status = running.status();
    const done = Math.min(options.records, slowest(status));
    const line = progressLine(done, options.records, done / ((performance.now() - started) / 1000));
    if (live === null) say([line, ...troubles(status)].join("; "));
    else live.draw([line, ...troubles(status)]);
  };
  const showing = setInterval(show, live === null ? LINE_MS : BAR_MS);
  const looking = setInterval(() => progress.look(running.status(), options.records), BAR_MS / 4);
  const generated = await feedBatches(
    feed,
    lastHour(options.records, demoRun({ org: "demo", seed: options.seed, lively: true })),
  );
  await untilDelivered(running, generated, signal, (status) => progress.look(status, options.records));
  clearInterval(showing);
  clearInterval(looking);

  const status = running.status();
  const took = performance.now() - started;
  show();
  live?.end();
  const answers = await stop();
  logger.flush();

  const lost = missing(status, options.records);
  const rate = { title: "records/s", value: (sink: (typeof status.sinks)[number]) => formatCount(progress.rate(sink)) };
  say(["", ...sinkTable(config, status, rate)].join("\n"));
  if (answers !== null) say([...formatAnswers(answers), ""].join("\n"));
  say(
    `${formatCount(generated)} records in ${formatDuration(took)}, ${formatCount((generated / took) * 1000)} records/s to every sink.`,
  );
  if (lost.length > 0) {
    for (const line of lost) say(line);
    say(`What is not delivered is kept in ${displayPath(config.log.folder)}`);
    return EXIT.failed;
  }
  await rm(options.conf === undefined ? config.log.folder : folder, { recursive: true, force: true });
  return EXIT.ok;
}

async function builtIn() {
  const { demoConfig } = await import("../config/load.ts");
  return demoConfig({ cwd: process.cwd() });
}

/** 20261121-205151, local time. */
function stamp(date: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("");
  return `${day}-${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join("")}`;
}
