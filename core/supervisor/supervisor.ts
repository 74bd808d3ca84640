import type { Config } from "../config/config.ts";
import { kindOf } from "../log/keys.ts";
import type { DeliveryLog, ListLog, SinkEntry } from "../log/log.ts";
import { openSpool, type SpoolList } from "../log/spool.ts";
import type { Logger } from "../logging/index.ts";
import { watchFolder } from "../plugins/watch.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { Crew, Spawn } from "./crew.ts";
import { KnownSinks } from "./known-sinks.ts";
import { ListDrain } from "./list-drain.ts";
import { Sink } from "./sink.ts";
import { SlabPool } from "./slabs.ts";
import { startInTurns } from "./start-in-turns.ts";
import type { SinkBacklog, SinkStatus, Status } from "./status.ts";
import { Tiers } from "./tiers.ts";
import { Troubles } from "./troubles.ts";
import { inTurns } from "./turns.ts";

const IN_THE_LOG: SinkBacklog = {
  state: "ok",
  reason: null,
  waiting: { chunks: 0, records: 0, bytes: 0 },
  spooled: 0,
  dropped: 0,
};
/** A larger record becomes a dead letter unread. */
const LARGEST_RECORD = 256 * 2 ** 20;
/** Trouble with the log as a whole, not with one list. */
const LOG = "the log";
const REGISTER_MS = 10_000;
const USAGE_MS = 2000;
/** Memory that was not needed for so long is given up. */
const TRIM_MS = 5000;
const REOPEN_MS = 1000;
/** Of the time for a stop, what closing and handing back may take. */
const CLOSE_SHARE = 0.12;

export interface Supervisor {
  /** Resolves when the first actors are starting and the drain runs, whether or not the log can be reached yet. */
  start(): Promise<void>;
  status(): Status;
  /** Hands nothing more out, lets calls finish, flushes gathers, gives the rest back. `released`: records handed back. */
  stop(deadlineMs: number): Promise<{ released: number }>;
  /** Nothing live and nothing unacknowledged in any sink that is not suspended, as last measured. */
  idle(): boolean;
  /** Tries a suspended sink now instead of at its next probe. */
  probe(sink: string): void;
  /** Measures lag and backlog now. */
  measure(): Promise<void>;
  /** The actors of a sink; undefined: there is no such sink. */
  crew(sink: string): Crew | undefined;
}

/** Owns the drain: takes records from the log and feeds them to the actors. Decodes nothing, runs no plugin. */
export function createSupervisor(parts: {
  config: Config;
  log: DeliveryLog;
  logger: Logger;
  /** Tests start other actors than threads. */
  spawn?: Spawn;
}): Supervisor {
  const { config, log, logger, spawn } = parts;
  const { delivery } = config;
  const pool = new SlabPool((slab) => {
    for (const { crew } of sinks) crew.forget(slab);
  });
  const reader = new ChunkReader(
    pool,
    LARGEST_RECORD,
    (list) => readersOf(list).filter(({ follows }) => follows).length,
  );
  const startedAt = Date.now();
  const entries: SinkEntry[] = config.sinks.map(({ name, fingerprint, reads }) => ({ name, fingerprint, reads }));
  const timers: NodeJS.Timeout[] = [];
  const ends: (() => void)[] = [];
  let backlog = { bytes: 0, records: 0 };
  const troubles = new Troubles(logger);
  let stopping = false;
  const hungry = inTurns(() => drains);

  const sinks = config.sinks.map(
    (sink) =>
      new Sink(
        sink,
        delivery,
        reader,
        logger,
        {
          hungry,
          renew: (list) => drains.find((drain) => drain.list === list)?.renewSoon(),
          late: (list, chunk) => {
            spoolLists
              .get(list)
              ?.delivered(sink.name, chunk)
              .catch((error) => failed(error));
          },
        },
        spawn,
      ),
  );
  const readersOf = ({ wire }: ListLog) => sinks.filter(({ config }) => config.reads === kindOf(wire));
  function drainOf(list: ListLog): ListDrain {
    return new ListDrain(list, readersOf(list), delivery, logger, troubles, hungry);
  }
  // A list that no sink reads is left alone.
  const listDrains = log.lists.filter((list) => readersOf(list).length > 0).map(drainOf);
  const limits = config.log.engine === "redis" ? config.log.backlog : undefined;
  const spool = limits?.spool ? openSpool(limits.spool) : null;
  // What is on disk is drained as lists of its own.
  const spoolLists = new Map<ListLog, SpoolList>(
    spool === null ? [] : listDrains.map(({ list }) => [list, spool.list(list, delivery.leaseMs)]),
  );
  const spoolDrains = [...spoolLists.values()].map(drainOf);
  const known = new KnownSinks(log, entries, logger);
  const tiers = limits
    ? new Tiers({
        ...{ log, config: limits, drains: listDrains, sinks, spool, logger },
        foreign: (list) => known.foreign(list),
      })
    : null;
  const drains = [...listDrains, ...spoolDrains];
  const failed = (error: unknown) => troubles.failed(LOG, error);

  const openLog = async (): Promise<void> => {
    while (!stopping) {
      try {
        await log.open(entries);
        troubles.worked(LOG);
        break;
      } catch (error) {
        failed(error);
        await new Promise((resolve) => timers.push(setTimeout(resolve, REOPEN_MS)));
      }
    }
    if (stopping) return;
    tiers?.start();
    for (const drain of drains) drain.start();
    const register = async () => {
      const entriesNow = entries.map((entry) => ({ ...entry, ...(spool && { spools: spool.published(entry.name) }) }));
      await log.register(entriesNow);
      await known.look();
    };
    // A Redis that is full refuses it while delivery goes on: that is no reason not to be ready.
    const registerSoon = () =>
      void register().catch((error) => logger.warn("the sinks could not be registered in the log", { error }));
    registerSoon();
    timers.push(
      setInterval(registerSoon, REGISTER_MS),
      setInterval(() => pool.trim(), TRIM_MS),
      setInterval(async () => {
        try {
          backlog = await log.usage();
          troubles.worked(LOG);
        } catch (error) {
          failed(error);
        }
      }, USAGE_MS),
    );
  };

  const lagOf = (sink: Sink): SinkStatus["lag"] => {
    const sum = { chunks: 0, records: 0, oldestMs: 0 };
    for (const drain of drains) {
      const lag = drain.lag(sink);
      sum.chunks += lag.chunks;
      sum.records += lag.records;
      sum.oldestMs = Math.max(sum.oldestMs, lag.oldestMs);
    }
    return sum;
  };

  return {
    async start() {
      void startInTurns(
        sinks.map(({ crew }) => crew),
        () => stopping,
      );
      for (const sink of sinks) ends.push(followLink(sink, logger));
      void openLog();
    },
    status: () => ({
      startedAt,
      logError: troubles.first,
      lists: listDrains.map((drain) => drain.status()),
      sinks: sinks.map((sink) => sink.status(lagOf(sink), tiers?.of(sink) ?? IN_THE_LOG)),
      backlog: {
        ...backlog,
        limit: tiers?.limit ?? 0,
        holding: tiers?.holding ?? null,
        orphans: known.orphans,
      },
      slabs: { bytes: pool.bytes, pinned: pool.used },
    }),
    async stop(deadlineMs) {
      stopping = true;
      const looked = tiers?.stop();
      const closeUntil = Date.now() + deadlineMs;
      const drainUntil = closeUntil - deadlineMs * CLOSE_SHARE;
      for (const drain of drains) drain.stop();
      const released = await Promise.all(sinks.map((sink) => sink.stop(drainUntil, closeUntil)));
      for (const drain of drains) drain.end();
      for (const timer of timers) clearTimeout(timer);
      for (const end of ends) end();
      await looked;
      spool?.close();
      await log.close();
      return { released: released.reduce((sum, records) => sum + records, 0) };
    },
    idle: () =>
      drains.every((drain) => drain.status().live === 0) &&
      sinks.every((sink) => sink.crew.state === "suspended" || (sink.empty && lagOf(sink).records === 0)),
    probe: (name) => sinks.find((sink) => sink.name === name)?.crew.probe(),
    crew: (name) => sinks.find((sink) => sink.name === name)?.crew,
    async measure() {
      await Promise.all(drains.map((drain) => drain.measure()));
      backlog = await log.usage();
    },
  };
}

/** A plugin that is being written is loaded anew when it changes. */
function followLink({ name, config, crew }: Sink, logger: Logger): () => void {
  const { link } = config.plugin;
  if (link === null) return () => {};
  logger.warn(`sink ${name} runs from ${link}, as it is being written: install it for production`);
  return watchFolder(link, () => {
    logger.info(`sink ${name} is reloaded: ${link} has changed`);
    void crew.reload();
  });
}
