import type { Config } from "../config/config.ts";
import { isLogError, LOG_ERROR_CODES } from "../log/errors.ts";
import { kindOf } from "../log/keys.ts";
import type { DeliveryLog, KnownSink } from "../log/log.ts";
import { openSpool, type Spool } from "../log/spool.ts";
import type { SpoolStore } from "../log/spool-store.ts";
import { CommandError, EXIT } from "./errors.ts";
import { formatCount, formatDuration, formatTable, plain } from "./format.ts";
import type { Parts } from "./parts.ts";
import { say } from "./plugin-folder.ts";
import { realParts } from "./wiring.ts";
import { configOf, consent, withLog } from "./with-log.ts";

export interface SinksOptions {
  conf?: string;
  json?: boolean;
  yes?: boolean;
}

interface Listed {
  name: string;
  configured: boolean;
  /** ISO 8601; null: no instance ever named it. */
  seen: string | null;
  lag: { chunks: number; records: number; oldestMs: number };
  /** Records on disks of instances. */
  spooled: number;
}

/** Instances name their sinks each 10 s. */
const IN_USE_MS = 30_000;
const COLUMNS = (["sink", "configured here", "last seen", "behind", "oldest", "on disks"] as const).map((title, i) => ({
  title,
  align: i < 3 ? ("left" as const) : ("right" as const),
}));

/** `sluice sinks list`: the sinks that the log keeps records for. */
export function list(options: SinksOptions, parts: Parts = realParts): Promise<number> {
  return withLog(options, parts, async (log, config) => {
    const known = await log.sinks();
    const here = new Set(config.sinks.map(({ name }) => name));
    const rows = await Promise.all(known.map((sink) => listed(log, sink, here.has(sink.name))));
    rows.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (options.json) say(JSON.stringify(rows, null, 2));
    else if (rows.length === 0) say("The log keeps records for no sink yet.");
    else for (const line of formatTable(COLUMNS, rows.map(cells))) say(line);
    return EXIT.ok;
  });
}

/** `sluice sinks forget <name>`. What the log keeps only for it is deleted by the next sweep. */
export function forget(name: string, options: SinksOptions, parts: Parts = realParts): Promise<number> {
  return changeSinks(options, parts, async (log, store) => {
    const sink = unused(await log.sinks(), name, store);
    const { lag, spooled } = await listed(log, sink, false);
    const loss = lag.records + spooled > 0 ? ` ${formatCount(lag.records + spooled)} records are waiting for it.` : "";
    await consent(`Forget the sink ${name}?${loss}`, options);
    await log.forgetSink(name);
    store?.forgetSink(name);
    say(options.json ? JSON.stringify({ forgotten: name, lag, spooled }) : `${plain(name)} is forgotten.`);
    return EXIT.ok;
  });
}

/** `sluice sinks rename <from> <to>`: the new name goes on where the old one was. One that was interrupted can be run again. */
export function rename(from: string, to: string, options: SinksOptions, parts: Parts = realParts): Promise<number> {
  return changeSinks(options, parts, async (log, store) => {
    const known = await log.sinks();
    const old = unused(known, from, store);
    if (!/\S/.test(to) || to !== to.toLowerCase()) throw new CommandError("A sink's name is in lower case.");
    const taken = known.find(({ name }) => name === to);
    if (taken !== undefined && !isHalfRenamed(log, old, taken)) {
      throw new CommandError(
        `The log knows the sink ${plain(to)} already, and keeps all for it since it began: forget one of the two.`,
      );
    }
    if (!(await log.renameSink(from, to)) && old.lists.length > 0) {
      throw new CommandError(`The log has nothing of the sink ${plain(from)}.`);
    }
    store?.renameSink(from, to);
    say(options.json ? JSON.stringify({ from, to }) : `${plain(from)} is ${plain(to)} from now on.`);
    return EXIT.ok;
  });
}

/** `sluice spool import <folder>`: moves the spool of a lost host into this instance's, which must not run. */
export async function importSpool(folder: string, options: SinksOptions): Promise<number> {
  const config = await configOf(options);
  const target = spoolOf(config);
  if (target === null) {
    throw new CommandError("This configuration has no sluice.backlog.spool_dir: name the folder to move the spool to.");
  }
  const source = openSpool({ folder, maxBytes: 0 });
  try {
    target.open();
    source.open();
    if (target.store.nonce === source.store.nonce) throw new CommandError(`${folder} is the spool of this instance.`);
    const moved = target.store.absorb(source.store);
    const { records, chunks } = moved;
    say(options.json ? JSON.stringify(moved) : `${formatCount(records)} records in ${chunks} chunks were moved.`);
    return EXIT.ok;
  } finally {
    source.close();
    target.close();
  }
}

async function listed(
  log: DeliveryLog,
  { name, seen, spools, lists }: KnownSink,
  configured: boolean,
): Promise<Listed> {
  const lag = { chunks: 0, records: 0, oldestMs: 0 };
  const kept = log.lists.filter((one) => lists.includes(one.name));
  for (const { chunks, records, oldestMs } of await Promise.all(kept.map((one) => one.lag(name)))) {
    lag.chunks += chunks;
    lag.records += records;
    lag.oldestMs = Math.max(lag.oldestMs, oldestMs);
  }
  const spooled = Object.values(spools).reduce((sum, records) => sum + records, 0);
  return { name, configured, seen: seen > 0 ? new Date(seen).toISOString() : null, lag, spooled };
}

function cells({ name, configured, seen, lag, spooled }: Listed): string[] {
  const ago = seen === null ? "never" : `${formatDuration(Math.max(0, Date.now() - Date.parse(seen)))} ago`;
  const oldest = lag.chunks > 0 ? formatDuration(lag.oldestMs) : "";
  return [plain(name), configured ? "yes" : "no", ago, formatCount(lag.records), oldest, formatCount(spooled)];
}

/** Throws where it is not there, or an instance uses it: that would make it anew at once. */
function unused(known: readonly KnownSink[], name: string, store: SpoolStore | null): KnownSink {
  const sink = known.find((one) => one.name === name) ?? leftIn(store, name);
  if (sink === undefined) {
    const names = known.map((one) => plain(one.name)).join(", ") || "none";
    throw new CommandError(`The log knows no sink ${plain(name)}. There are: ${names}.`);
  }
  if (Date.now() - sink.seen < IN_USE_MS) {
    throw new CommandError(
      `An instance that runs configures the sink ${plain(name)}: take it out of its configuration first, and wait 30 seconds.`,
    );
  }
  return sink;
}

/** A sink that only this spool still has: it was forgotten or renamed without it. */
function leftIn(store: SpoolStore | null, name: string): KnownSink | undefined {
  const { chunks, records } = store?.count(name) ?? { chunks: 0, records: 0 };
  if (store === null || chunks === 0) return undefined;
  return { name, fingerprint: "", seen: 0, spools: { [store.nonce]: records }, lists: [] };
}

/** Whether this rename has begun already: each list has the one name or the other. */
function isHalfRenamed({ lists }: DeliveryLog, from: KnownSink, to: KnownSink): boolean {
  const both = new Set([...from.lists, ...to.lists]);
  const kinds = new Set(lists.filter(({ name }) => both.has(name)).map(({ wire }) => kindOf(wire)));
  return kinds.size === 1 && both.size === from.lists.length + to.lists.length;
}

function spoolOf({ log }: Config): Spool | null {
  const settings = log.engine === "redis" ? log.backlog?.spool : null;
  return settings ? openSpool(settings) : null;
}

/** With the spool of this configuration in hand: the log is not changed where that could not be. Null: nothing was ever spooled. */
function changeSinks(
  options: SinksOptions,
  parts: Parts,
  work: (log: DeliveryLog, store: SpoolStore | null) => Promise<number>,
): Promise<number> {
  return withLog(options, parts, async (log, config) => {
    const spool = spoolOf(config);
    if (spool === null || !spool.exists) return work(log, null);
    try {
      openUnused(spool);
      return await work(log, spool.store);
    } finally {
      spool.close();
    }
  });
}

function openUnused(spool: Spool): void {
  try {
    spool.open();
  } catch (error) {
    if (!isLogError(error, LOG_ERROR_CODES.locked)) throw error;
    throw new CommandError(
      "Nothing was changed: the spool of this configuration (sluice.backlog.spool_dir) is changed along, and a pump that runs has it. Stop that pump; or do this with the configuration of another instance, and here once the pump has stopped.",
    );
  }
}
