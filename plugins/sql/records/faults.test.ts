/** What the sql sink does when the database fails it, on real servers. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SinkDefinition } from "@sluice/sdk";
import type { RecordInput } from "@sluice/sdk/record";
import { type OpenSink, open, type SinkFailed, start } from "@sluice/sdk/testing";
import mysql from "mysql2/promise";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startMariadb } from "../../../test/support/mariadb.ts";
import { startPostgres } from "../../../test/support/postgres.ts";
import { startProxy, type TestProxy } from "../../../test/support/proxy.ts";
import { rawSinks } from "./sinks.ts";

const [sql] = rawSinks as unknown as [SinkDefinition];
const NOON = Date.UTC(2024, 2, 5, 12);
const records = (from: number, to: number): RecordInput[] =>
  Array.from({ length: to - from }, (_, i) => ({ timestamp: NOON, path: `/${from + i}` }));
const expected = (to: number) => Array.from({ length: to }, (_, i) => `/${i}`).sort();

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Lets the sink's clock run to each of its next tries until all is settled. */
async function settle(sink: OpenSink): Promise<void> {
  let done = false;
  const settled = sink.settled().finally(() => {
    done = true;
  });
  while (!done) {
    await Promise.race([settled, sleep(10)]);
    if (!done) await nextTry(sink);
  }
  await settled;
}

async function nextTry({ waiting, clock }: OpenSink): Promise<void> {
  if (waiting && waiting.until > clock.now()) await clock.advance(waiting.until - clock.now());
}

interface Case {
  name: string;
  type: "postgres" | "mysql";
  /** With few connections; what is committed outlives the process. */
  start: () => Promise<Server>;
  /** Takes the table for itself; what it gives lets it go. */
  lock: (server: Server) => Promise<() => Promise<void>>;
  readOnly: (server: Server, on: boolean) => Promise<unknown>;
  /** How many statements of the sink's the server is still busy with. */
  busy: string;
}

interface Server {
  dsn: string;
  host: string;
  port: number;
  query(sql: string): Promise<{ [column: string]: unknown }[]>;
  kill(signal: NodeJS.Signals): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const CASES: Case[] = [
  {
    name: "PostgreSQL",
    type: "postgres",
    start: () => startPostgres({ flags: { synchronous_commit: "on" } }),
    async lock({ host, port }) {
      const holder = new pg.Client({ host, port, user: "sluice", database: "postgres" });
      await holder.connect();
      await holder.query("BEGIN; LOCK TABLE tyk_analytics IN ACCESS EXCLUSIVE MODE");
      return () => holder.end();
    },
    readOnly: async (server, on) => {
      await server.query(`ALTER SYSTEM SET default_transaction_read_only = ${on ? "on" : "off"}`);
      await server.query("SELECT pg_reload_conf()");
    },
    busy: "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%COPY%' AND state = 'active' AND pid <> pg_backend_pid()",
  },
  {
    name: "MariaDB",
    type: "mysql",
    start: () => startMariadb({ flags: { "innodb-flush-log-at-trx-commit": "2" } }),
    async lock({ host, port }) {
      const holder = await mysql.createConnection({ host, port, user: "root", database: "sluice" });
      await holder.query("LOCK TABLES tyk_analytics WRITE");
      return () => holder.end();
    },
    readOnly: (server, on) => server.query(`SET GLOBAL read_only = ${Number(on)}`),
    busy: "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'INSERT INTO%'",
  },
];

for (const one of CASES) {
  const { name, type } = one;
  describe(name, () => {
    let shared: Server;
    beforeAll(async () => {
      shared = await one.start();
    });
    afterAll(() => shared?.stop());

    const begin = async () => {
      await shared.query("DROP TABLE IF EXISTS tyk_analytics, sluice_written");
      return shared;
    };
    const openSink = async (connection_string: string, options: object = {}, ms = {}) => {
      const sink = await open(sql, { type, connection_string, ...options }, { limits: { ms } });
      stops.push(() => sink.close());
      return sink;
    };
    const proxied = async (server: Server): Promise<[TestProxy, string]> => {
      const proxy = await startProxy(server);
      stops.push(() => proxy.stop());
      return [proxy, server.dsn.replace(String(server.port), String(proxy.port))];
    };
    const paths = async (server: Server) =>
      (await server.query("SELECT path FROM tyk_analytics")).map(({ path }) => String(path)).sort();

    test("killed under the sink and back again: nothing is lost", async () => {
      const server = await begin();
      const sink = await openSink(server.dsn, { effectively_once: true });
      sink.deliver(records(0, 100));
      await sink.settled();
      for (let i = 0; i < 20; i++) sink.deliver(records(100 + 100 * i, 200 + 100 * i));
      await server.kill("SIGKILL");
      await sink.retrying();
      expect(sink.waiting!.error?.code).toBe("SLUICE_SINK_RETRYABLE");
      await server.restart();
      await settle(sink);
      expect(await paths(server)).toEqual(expected(2100));
      expect(sink.deadLetters()).toEqual([]);
    });

    test("the answer to a commit is lost: once, where that is asked for", async () => {
      const server = await begin();
      const [proxy, dsn] = await proxied(server);
      const sink = await openSink(dsn, { effectively_once: true });
      sink.deliver(records(0, 50));
      await sink.settled();
      proxy.loseReplyTo("COMMIT");
      sink.deliver(records(50, 100));
      await settle(sink);
      expect(proxy.lost).toBe(1);
      expect(await paths(server)).toEqual(expected(100));
    });

    test("slow, in pieces, cut in the middle", async () => {
      const server = await begin();
      const [proxy, dsn] = await proxied(server);
      const sink = await openSink(dsn, { effectively_once: true });
      proxy.delay(20);
      proxy.dribble(3);
      for (let i = 0; i < 5; i++) sink.deliver(records(100 * i, 100 * i + 100));
      await sleep(60);
      proxy.cut();
      await settle(sink);
      expect(await paths(server)).toEqual(expected(500));
    });

    test("does not answer: given up at the deadline, and the next try goes on", async () => {
      const server = await begin();
      const [proxy, dsn] = await proxied(server);
      const sink = await openSink(dsn, {}, { write: 500 });
      proxy.stall(true);
      sink.deliver(records(0, 10));
      await sleep(50);
      // Not a moment longer: the next try may come soon after.
      await sink.clock.advance(500);
      await sink.retrying();
      expect(sink.waiting!.error?.message).toMatch(/deadline/);
      proxy.cut();
      proxy.stall(false);
      await settle(sink);
      expect(await paths(server)).toEqual(expected(10));
    });

    test("out of connections: waits, and says so", async () => {
      const server = await begin();
      const taken = Array.from({ length: 24 }, () =>
        server.query(type === "postgres" ? "SELECT pg_sleep(1.5)" : "SELECT SLEEP(1.5)").catch(() => undefined),
      );
      await sleep(300);
      const sink = start(sql, { type, connection_string: server.dsn });
      stops.push(() => sink.close());
      await sink.retrying();
      expect(sink.waiting!.error).toMatchObject({
        code: "SLUICE_SINK_RETRYABLE",
        message: expect.stringMatching(/connections|clients/),
      });
      await Promise.all(taken);
      await nextTry(sink);
      await sink.opened();
      sink.deliver(records(0, 10));
      await settle(sink);
      expect(await paths(server)).toEqual(expected(10));
    });

    test("wrong password: fatal, and no message has it", async () => {
      const server = type === "postgres" ? await startPostgres({ password: "right" }) : await begin();
      if (type === "postgres") stops.push(() => server.stop());
      const secret = "s3cret'pass word";
      const strings =
        type === "postgres"
          ? [
              `${server.dsn} password='s3cret\\'pass word'`,
              `postgres://sluice:${encodeURIComponent(secret)}@${server.host}:${server.port}/postgres`,
            ]
          : [
              `root:${secret}@tcp(${server.host}:${server.port})/sluice`,
              `mysql://root:${encodeURIComponent(secret)}@${server.host}:${server.port}/sluice`,
            ];
      for (const connection_string of strings) {
        const failed = (await open(sql, { type, connection_string }).catch((error) => error)) as SinkFailed;
        expect(failed.error?.code).toBe("SLUICE_SINK_FATAL");
        expect(JSON.stringify([failed.message, failed.error])).not.toContain("s3cret");
      }
    });

    test("a connection string that cannot be read, or names what is not there: fatal, and no message has it", async () => {
      const server = await begin();
      const strings = {
        postgres: [
          "hostlocalhost s3cret",
          "postgres://u:s3cret%zz@h/d",
          "host=h port=s3cret",
          "host=h sslmode=s3cret",
          "host=h target_session_attrs=s3cret",
          "host=h sslmode=verify-ca sslrootcert=/nowhere/s3",
          `${server.dsn} sslmode=require`,
          server.dsn.replace("dbname=postgres", "dbname=nowhere"),
          `${server.dsn} TimeZone=Nowhere`,
          `${server.dsn} keepalives=1`,
          `${server.dsn} max_connections=5`,
        ],
        mysql: [
          "root:s3cret@tcp(h:1)",
          "root:s3cret@udp(h:1)/d",
          "root:s3cret@tcp(h:1:2)/d",
          "root@tcp(h:1)/d?tls=s3cret",
          "mysql://[",
          server.dsn.replace("/sluice", "/nowhere"),
          `${server.dsn}?tls=true`,
          `${server.dsn}?loc=Nowhere`,
          `${server.dsn}?keepalives=1`,
          `${server.dsn}?sql_mode=nowhere`,
        ],
      }[type];
      for (const connection_string of strings) {
        const failed = (await open(sql, { type, connection_string }).catch((error) => error)) as SinkFailed;
        expect([connection_string, failed.error?.code]).toEqual([connection_string, "SLUICE_SINK_FATAL"]);
        expect(JSON.stringify([failed.message, failed.error])).not.toContain("s3cret");
      }
    });

    test("read-only for a while: waits", async () => {
      const server = await begin();
      if (type === "mysql") {
        await server.query("CREATE USER sluice@'127.0.0.1'");
        await server.query("GRANT ALL ON sluice.* TO sluice@'127.0.0.1'");
      }
      const sink = await openSink(type === "mysql" ? server.dsn.replace("root@", "sluice@") : server.dsn);
      await one.readOnly(server, true);
      // PostgreSQL's sessions see it in a moment.
      for (let i = 0; !/read.only/.test(sink.waiting?.error?.message ?? ""); i++) {
        if (i === 20) throw new Error("the sink does not notice");
        await sleep(50);
        sink.deliver(records(10 * i, 10 * i + 10));
        await Promise.race([sink.settled(), sink.retrying()]);
      }
      expect(sink.waiting!.error!.code).toBe("SLUICE_SINK_RETRYABLE");
      await one.readOnly(server, false);
      await settle(sink);
      expect((await paths(server)).length % 10).toBe(0);
      expect(sink.deadLetters()).toEqual([]);
    });

    test("a lock that is held long: the server gives the statement up with us", async () => {
      const server = await begin();
      const sink = await openSink(server.dsn, {}, { write: 400 });
      const unlock = await one.lock(server);
      sink.deliver(records(0, 10));
      await sleep(100);
      // Not a moment longer: the next try would wait for the lock, too.
      await sink.clock.advance(400);
      await sink.retrying();
      await vi.waitFor(async () => expect(await server.query(one.busy)).toEqual([]), { timeout: 10_000 });
      await unlock();
      await settle(sink);
      expect(await paths(server)).toEqual(expected(10));
    });
  });
}

test("PostgreSQL: a sequence that somebody added is exhausted: the sink is suspended, no record is at fault", async () => {
  const server = await startPostgres();
  stops.push(() => server.stop());
  await server.query("CREATE SEQUENCE numbers MAXVALUE 5");
  await server.query("CREATE TABLE tyk_analytics (path text, n bigint DEFAULT nextval('numbers'))");
  const sink = await open(sql, { type: "postgres", connection_string: server.dsn });
  sink.deliver(records(0, 10));
  await expect(sink.settled()).rejects.toThrow(/sequence/);
  expect(sink.deadLetters()).toEqual([]);
});
