import { isDeepStrictEqual } from "node:util";
import type { Config, SinkConfig } from "../config/config.ts";
import { kindOf } from "../log/keys.ts";
import type { DeliveryLog, HomeList, ListLog, SinkEntry } from "../log/log.ts";
import { type ReplayLetter, ReplayList } from "../log/replay-list.ts";
import { openSpool, type SpoolList } from "../log/spool.ts";
import type { Logger } from "../logging/index.ts";
import { watchFolder } from "../plugins/watch.ts";
import { ChunkReader } from "./chunk-reader.ts";
import type { Crew, Spawn } from "./crew.ts";
import { KnownSinks } from "./known-sinks.ts";
import { ListDrain } from "./list-drain.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { Sink, type SinkHooks } from "./sink.ts";
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
/** Memory that was not needed for so long is given up: it is free only after every thread's collector has run, which may take as long. */
const TRIM_MS = 60_000;
const REOPEN_MS = 1000;
/** Of the time for a stop, what closing and handing back may take. */
const CLOSE_SHARE = 0.12;
/** What a sink that is replaced or removed may take for the calls in flight, and to close. */
const LEAVE_MS = 12_000;

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
  /**
   * Runs these sinks from now on: stops, replaces and starts those that differ, and leaves the others alone. One that is
   * replaced has closed before its successor opens. One change at a time; a stop ends it.
   */
  change(sinks: readonly SinkConfig[]): Promise<SinkChanges>;
  /** The actors of a sink; undefined: there is no such sink. */
  crew(sink: string): Crew | undefined;
  /** Gives dead letters of a list to their sink again. How many were taken up: not those that are on their way already. */
  replay(sink: string, list: HomeList, letters: readonly ReplayLetter[]): number;
}

/** Names of sinks. */
export interface SinkChanges {
  started: string[];
  stopped: string[];
  replaced: string[];
  unchanged: string[];
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
    // Letters are one sink's alone.
    (list) => (list instanceof ReplayList ? 1 : readersOf(list).filter(({ follows }) => follows).length),
  );
  const startedAt = Date.now();
  let entries = entriesOf(config.sinks);
  const timers: NodeJS.Timeout[] = [];
  let reopening: NodeJS.Timeout | undefined;
  let backlog = { bytes: 0, records: 0 };
  const troubles = new Troubles(logger);
  let opened = false;
  let stopping = false;
  const hungry = inTurns(() => drains);

  function newSink(sink: SinkConfig): Sink {
    const hooks: SinkHooks = {
      hungry,
      renew: (list) => drains.find((drain) => drain.list === list)?.renewSoon(),
      late: (list, chunk) => {
        spoolLists
          .get(list)
          ?.delivered(sink.name, chunk)
          .catch((error) => failed(error));
      },
    };
    return new Sink(sink, delivery, reader, logger, hooks, spawn);
  }
  /** Also those that are being stopped. */
  let sinks = config.sinks.map(newSink);
  const readersOf = ({ wire }: ListLog) => sinks.filter(({ config }) => config.reads === kindOf(wire));
  const drainOf = (list: ListLog) => new ListDrain(list, () => readersOf(list), delivery, logger, troubles, hungry);
  const listDrains = log.lists.map(drainOf);
  const limits = config.log.engine === "redis" ? config.log.backlog : undefined;
  const spool = limits?.spool ? openSpool(limits.spool) : null;
  // What is on disk is drained as lists of its own.
  const spoolLists = new Map<ListLog, SpoolList>(
    spool === null ? [] : listDrains.map(({ list }) => [list, spool.list(list, delivery.leaseMs)]),
  );
  const spoolDrains = [...spoolLists.values()].map(drainOf);
  const known = new KnownSinks(log, () => entries, logger);
  const tiers = limits
    ? new Tiers({
        ...{ log, config: limits, drains: listDrains, sinks, spool, logger },
        foreign: (list) => known.foreign(list),
      })
    : null;
  // So are dead letters that are to be delivered again.
  const replays = new Map(
    log.lists.map(({ wire }) => {
      const list = new ReplayList(wire, (sink, letters) => {
        logger.warn(`the replay to sink ${sink} was given up: ${letters} letters stay dead letters`);
      });
      return [wire, { list, drain: drainOf(list) }];
    }),
  );
  const drains = [...listDrains, ...spoolDrains, ...[...replays.values()].map(({ drain }) => drain)];
  const failed = (error: unknown) => troubles.failed(LOG, error);

  const register = async () => {
    const entriesNow = entries.map((entry) => ({ ...entry, ...(spool && { spools: spool.published(entry.name) }) }));
    await log.register(entriesNow);
    await known.look();
  };
  // A Redis that is full refuses it while delivery goes on: that is no reason not to be ready.
  const tryToRegister = () =>
    register().catch((error) => logger.warn("the sinks could not be registered in the log", { error }));

  const openLog = async (): Promise<void> => {
    while (!stopping) {
      try {
        await log.open(entries);
        troubles.worked(LOG);
        break;
      } catch (error) {
        // The stop has closed the connection: whether Redis is within reach was not found out.
        if (stopping) return;
        failed(error);
        await new Promise((resolve) => {
          reopening = setTimeout(resolve, REOPEN_MS);
        });
      }
    }
    if (stopping) return;
    tiers?.start();
    for (const drain of drains) drain.start();
    opened = true;
    void tryToRegister();
    timers.push(
      setInterval(() => void tryToRegister(), REGISTER_MS),
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

  const links = new Map<Sink, () => void>();
  const begin = (some: readonly Sink[]) => {
    const crews = some.map(({ crew }) => crew);
    void startInTurns(crews, () => stopping);
    for (const sink of some) links.set(sink, followLink(sink, logger));
  };

  /** Resolves when nothing of it runs or is held any more. */
  const leave = async (sink: Sink): Promise<void> => {
    for (const drain of drains) drain.leave(sink);
    await sink.stop(...deadlines(Math.min(LEAVE_MS, config.stopMs)));
    for (const drain of drains) drain.forget(sink);
    tiers?.leave(sink);
    links.get(sink)?.();
    links.delete(sink);
  };

  const join = (sink: Sink) => {
    tiers?.join(sink);
    for (const drain of drains) drain.join(sink);
    begin([sink]);
  };

  const change = async (wanted: readonly SinkConfig[]): Promise<SinkChanges> => {
    const running = new Map(sinks.map((sink) => [sink.name, sink]));
    const differs = (next: SinkConfig) => !isDeepStrictEqual(running.get(next.name)?.config, next);
    const names = new Set(wanted.map(({ name }) => name));
    const started = wanted.filter(({ name }) => !running.has(name));
    const replaced = wanted.filter((next) => running.has(next.name) && differs(next));
    const stopped = sinks.filter(({ name }) => !names.has(name));
    entries = entriesOf(wanted);
    // Before the first chunk is taken for a new one. Else the log is told when it opens.
    if (opened) await tryToRegister();
    const order = new Map(wanted.map(({ name }, i) => [name, i]));
    const put = (next: SinkConfig, former?: Sink) => {
      if (stopping) return;
      const sink = newSink(next);
      if (former?.crew.suspendedByHand) void sink.crew.suspendByHand();
      sinks = [...sinks, sink].sort((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0));
      join(sink);
    };
    const take = async (sink: Sink) => {
      await leave(sink);
      sinks = sinks.filter((one) => one !== sink);
    };
    for (const next of started) put(next);
    await Promise.all([
      ...stopped.map(take),
      ...replaced.map(async (next) => {
        const former = running.get(next.name)!;
        await take(former);
        put(next, former);
      }),
    ]);
    const nameOf = ({ name }: { name: string }) => name;
    return {
      started: started.map(nameOf),
      stopped: stopped.map(nameOf),
      replaced: replaced.map(nameOf),
      unchanged: wanted.filter((next) => running.has(next.name) && !differs(next)).map(nameOf),
    };
  };

  return {
    change: oneAtATime(change),
    async start() {
      begin(sinks);
      void openLog();
    },
    status: () => ({
      startedAt,
      logError: troubles.first,
      lists: listDrains.filter((drain) => drain.sinks.length > 0).map((drain) => drain.status()),
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
      const until = deadlines(deadlineMs);
      for (const drain of drains) drain.stop();
      const released = await Promise.all(sinks.map((sink) => sink.stop(...until)));
      for (const drain of drains) drain.end();
      for (const timer of [reopening, ...timers]) clearTimeout(timer);
      for (const end of links.values()) end();
      await looked;
      spool?.close();
      await log.close();
      return { released: released.reduce((sum, records) => sum + records, 0) };
    },
    idle: () =>
      drains.every((drain) => drain.status().live === 0) &&
      sinks.every((sink) => sink.crew.state === "suspended" || (sink.empty && lagOf(sink).records === 0)),
    probe: (name) => sinks.find((sink) => sink.name === name)?.crew.probe(),
    replay(sink, home, letters) {
      const { list, drain } = replays.get(home.wire)!;
      const taken = list.add(sink, home, letters);
      // So that it shows in the lag at once.
      drain.measure().catch((error) => failed(error));
      return taken;
    },
    crew: (name) => sinks.find((sink) => sink.name === name)?.crew,
    async measure() {
      await Promise.all(drains.map((drain) => drain.measure()));
      backlog = await log.usage();
    },
  };
}

function entriesOf(sinks: readonly SinkConfig[]): SinkEntry[] {
  return sinks.map(({ name, fingerprint, reads }) => ({ name, fingerprint, reads }));
}

/** Until when calls may finish, and until when all must be closed, on the monotonic clock: no change of the time moves it. */
function deadlines(ms: number): [drainUntil: number, closeUntil: number] {
  const closeUntil = performance.now() + ms;
  return [closeUntil - ms * CLOSE_SHARE, closeUntil];
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
