import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { owners, push } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { startProxy } from "../support/proxy.ts";
import { until } from "../support/pump.ts";
import { type SluiceProcess, useRedis, useSluice } from "../support/sluice.ts";

/** An aggregate on a real PostgreSQL: each record is counted exactly once, whatever dies meanwhile. */

const KILLS = process.env.SLUICE_LONG === "1" ? 20 : 3;
const SINK = "sql_aggregate";

async function usePostgres(): Promise<TestPostgres> {
  const postgres = await startPostgres();
  onTestFinished(() => postgres.stop());
  return postgres;
}

interface Place {
  redis: Awaited<ReturnType<typeof useRedis>>;
  dsn: string;
  actors?: number;
}

function start({ redis, dsn, actors = 1 }: Place): Promise<SluiceProcess> {
  const sink = { type: SINK, meta: { type: "postgres", connection_string: dsn } };
  return useSluice({ redis, csv: {}, pumps: { [SINK]: sink }, settings: { sinks: { [SINK]: { actors } } } });
}

/** Records 0 to `count` - 1 have a key each: each must have been counted once, and all in the totals. */
async function expectEachOnce(postgres: TestPostgres, count: number): Promise<void> {
  const [keys] = await postgres.query(
    "SELECT count(*)::int AS rows, coalesce(min(counter_hits), 0)::int AS least, coalesce(max(counter_hits), 0)::int AS most FROM tyk_aggregated WHERE dimension = 'apikeys'",
  );
  expect(keys).toEqual({ rows: count, least: 1, most: 1 });
  const [total] = await postgres.query(
    "SELECT sum(counter_hits)::int AS hits, sum(counter_total_request_time)::int AS time FROM tyk_aggregated WHERE dimension = ''",
  );
  const time = Array.from({ length: count }, (_, n) => n % 100).reduce((sum, ms) => sum + ms, 0);
  expect(total).toEqual({ hits: count, time });
}

async function counted(postgres: TestPostgres): Promise<number> {
  const [made] = await postgres.query("SELECT to_regclass('tyk_aggregated') IS NOT NULL AS made");
  if (!made!.made) return 0;
  const [row] = await postgres.query("SELECT count(*)::int AS rows FROM tyk_aggregated WHERE dimension = 'apikeys'");
  return row!.rows as number;
}

test(`killed with -9 ${KILLS} times while it counts, with one actor or two`, {
  timeout: 60_000 + 20_000 * KILLS,
}, async () => {
  const redis = await useRedis();
  const postgres = await usePostgres();
  const share = 3000;
  let struck = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    await push(redis.client, kill * share, (kill + 1) * share);
    const sluice = await start({ redis, dsn: postgres.dsn, actors: 1 + (kill % 2) });
    await sluice.ready();
    // A gather takes four seconds: some die before their flush, some after it, every third one within.
    const letGo = kill % 3 === 2 ? await heldInFlush(postgres) : null;
    if (!letGo) await sleep(Math.random() * 5000);
    await sluice.kill();
    await letGo?.();
    if ((await owners(redis.client, SINK)).size > 0) struck++;
  }
  const sluice = await start({ redis, dsn: postgres.dsn, actors: 2 });
  await sluice.drained(redis, [SINK]);
  await sluice.terminate();
  await expectEachOnce(postgres, KILLS * share);
  expect(struck).toBeGreaterThan(0);
});

/** Resolves when a transaction has written its marks and waits for the rows. Gives what lets go of them. */
async function heldInFlush(postgres: TestPostgres): Promise<() => Promise<void>> {
  const holder = await clientOf(postgres);
  await holder.query("BEGIN; LOCK TABLE tyk_aggregated IN EXCLUSIVE MODE");
  await inFlush(postgres);
  return () => holder.end();
}

async function clientOf({ host, port }: TestPostgres): Promise<pg.Client> {
  const client = new pg.Client({ host, port, user: "sluice", database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function inFlush(postgres: TestPostgres): Promise<void> {
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO "tyk_aggregated"%'`;
  await until(async () => (await postgres.query(waiting)).length > 0, "a flush that waits for a lock");
}

test("a commit whose answer is lost is not counted again", { timeout: 60_000 }, async () => {
  const redis = await useRedis();
  const postgres = await usePostgres();
  const proxy = await startProxy(postgres);
  onTestFinished(() => proxy.stop());
  const sluice = await start({ redis, dsn: postgres.dsn.replace(`port=${postgres.port}`, `port=${proxy.port}`) });
  await sluice.ready();
  proxy.loseReplyTo("COMMIT");
  await push(redis.client, 0, 2000);
  await until(() => proxy.lost > 0, "a lost answer");
  proxy.loseReplyTo(null);
  await sluice.drained(redis, [SINK]);
  await sluice.terminate();
  await expectEachOnce(postgres, 2000);
});

test("a server that is killed and restarted in a transaction, and rows that somebody holds", {
  timeout: 60_000,
}, async () => {
  const redis = await useRedis();
  const postgres = await usePostgres();
  const sluice = await start({ redis, dsn: postgres.dsn });
  await sluice.ready();
  await push(redis.client, 0, 1500);
  await until(async () => (await counted(postgres)) === 1500, "the first records");
  await push(redis.client, 1500, 3000);
  const letGo = await heldInFlush(postgres);
  await postgres.kill("SIGKILL");
  await letGo().catch(() => {});
  await postgres.restart();
  await sluice.drained(redis, [SINK]);
  await sluice.terminate();
  await expectEachOnce(postgres, 3000);
});

test("a rival that takes rows in another order, and the server gives ours up", { timeout: 60_000 }, async () => {
  const redis = await useRedis();
  const postgres = await startPostgres({ flags: { deadlock_timeout: "1s" } });
  onTestFinished(() => postgres.stop());
  const sluice = await start({ redis, dsn: postgres.dsn });
  await sluice.ready();
  await push(redis.client, 0, 500);
  await until(async () => (await counted(postgres)) === 500, "the first records");
  const touch = (which: string) =>
    `UPDATE tyk_aggregated SET counter_identifier = counter_identifier WHERE id = (SELECT ${which}(id) FROM tyk_aggregated WHERE dimension = 'apiid')`;
  const rival = await clientOf(postgres);
  // The one that finds the deadlock is given up: not this one.
  await rival.query("SET deadlock_timeout = '30s'");
  await rival.query("BEGIN");
  await rival.query(touch("max"));
  await push(redis.client, 500, 1000);
  await inFlush(postgres);
  await rival.query(touch("min"));
  await rival.query("COMMIT");
  await rival.end();
  await sluice.drained(redis, [SINK]);
  await sluice.terminate();
  await expectEachOnce(postgres, 1000);
  const [seen] = await postgres.query("SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()");
  expect(seen!.deadlocks).toBe(1);
});
