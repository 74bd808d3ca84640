import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeUptime } from "@sluice/sdk/record";
import { type OpenSink, open, type TestRecord } from "@sluice/sdk/testing";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startMariadb } from "../../../test/support/mariadb.ts";
import { startPostgres } from "../../../test/support/postgres.ts";
import { today } from "../database/schema.ts";
import { uptimeSink } from "./sink.ts";

// Hours are those of the process.
process.env.TZ = "UTC";

type Row = { [column: string]: unknown };

/** A database to write to, and a way to look at it that is not the sink's. */
interface Place {
  settings: { type: string; connection_string: string };
  query(sql: string): Promise<Row[]>;
  stop(): Promise<void>;
}

const PLACES: { [name: string]: () => Promise<Place> } = {
  async PostgreSQL() {
    const server = await startPostgres();
    return { ...server, query: server.query, settings: { type: "postgres", connection_string: server.dsn } };
  },
  async MariaDB() {
    const server = await startMariadb();
    return { ...server, query: server.query, settings: { type: "mysql", connection_string: server.dsn } };
  },
  async SQLite() {
    const folder = mkdtempSync(join(tmpdir(), "sluice-uptime-"));
    const file = join(folder, "uptime.db");
    return {
      settings: { type: "sqlite", connection_string: file },
      async query(sql) {
        const database = new Sqlite(file);
        try {
          const statement = database.prepare(sql);
          return statement.reader ? (statement.all() as Row[]) : [void statement.run()].flatMap(() => []);
        } finally {
          database.close();
        }
      },
      async stop() {
        rmSync(folder, { recursive: true });
      },
    };
  },
};

const TEN = Date.UTC(2024, 2, 5, 10) / 1000;
const report = (url: string, requestTime: number, responseCode: number, seconds = TEN): TestRecord =>
  encodeUptime({ url, requestTime, responseCode, timestamp: { seconds, nanos: 0 }, orgId: "1", apiId: "a" });

const FIRST = [report("u1", 10, 200), report("u1", 30, 500, TEN + 20), report("u1", 20, 301, TEN + 10)];
const SECOND = [report("u1", 100, 200, TEN + 5)];
const BOTH = [
  ["", "total", 4, 2, 1, 160, 40, 2, 1, "313730393633323830303174" + "6f74616c"],
  ["errors", "500", 1, 0, 1, 30, 30, 0, 1, "31373039363332383030316572726f7273353030"],
  ["url", "u1", 4, 2, 1, 160, 40, 2, 1, "313730393633323830303175726c7531"],
];

for (const [name, start] of Object.entries(PLACES)) {
  describe(`uptime reports in ${name}`, () => {
    let place: Place;
    const sinks: OpenSink[] = [];
    beforeAll(async () => {
      place = await start();
    }, 60_000);
    afterAll(() => place?.stop());
    beforeEach(async () => {
      for (const table of await tables()) await place.query(`DROP TABLE ${table}`);
      return async () => {
        for (const sink of sinks.splice(0)) await sink.close();
      };
    });

    const use = async (more: object = {}) => {
      const sink = await open(uptimeSink, { ...place.settings, ...more }, { limits: { gather: { ms: 10 } } });
      sinks.push(sink);
      return sink;
    };
    const tables = async () => {
      const sql =
        name === "SQLite"
          ? "SELECT name FROM sqlite_master WHERE type = 'table'"
          : `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${name === "MariaDB" ? "DATABASE()" : "'public'"}`;
      return (await place.query(sql)).map((row) => String(row.name)).sort();
    };
    const written = async (table = "tyk_uptime_analytics") => {
      const rows = await place.query(`SELECT * FROM ${table} ORDER BY dimension, dimension_value, timestamp`);
      const numbers = ["hits", "success", "error", "total_request_time", "request_time"].map((one) => `counter_${one}`);
      return rows.map((row) => [
        row.dimension,
        row.dimension_value,
        ...[...numbers, "code_200", "code_500"].map((column) => Number(row[column])),
        row.id,
      ]);
    };
    /** Delivers, flushes and settles. */
    const give = async (sink: OpenSink, records: readonly TestRecord[], chunk: string, redelivered = false) => {
      sink.deliver(records, { wire: "uptime", chunk, redelivered });
      await flushed(sink);
    };
    const flushed = async (sink: OpenSink) => {
      const settled = sink.settled();
      let done = false;
      void settled.finally(() => (done = true)).catch(() => {});
      while (!done) {
        await sleep(2);
        sink.clock.advance(10);
      }
      await settled;
    };

    test("two batches of one hour add up, and the mean follows", async () => {
      const sink = await use();
      await give(sink, FIRST, "a");
      await give(sink, SECOND, "b");
      expect(await written()).toEqual(BOTH);
      const [total] = await place.query("SELECT * FROM tyk_uptime_analytics WHERE dimension = ''");
      expect(String(total?.timestamp)).toBe(String(TEN));
      const time = total?.counter_last_time;
      expect(time instanceof Date ? time.toISOString() : String(time)).toMatch(/^2024-03-05[T ]10:00:20/);
      expect([total?.counter_identifier, total?.counter_error_map, total?.counter_error_list]).toEqual([
        "",
        "{}",
        "[]",
      ]);
    });

    test("a dry run says what it finds and makes nothing", async () => {
      const check = () => uptimeSink.check!({ config: { ...place.settings, mysql: {} } } as never);
      const files = name === "SQLite";
      if (!files)
        expect(await check()).toBe(
          `${name === "MariaDB" ? "MySQL" : name} answers, the table tyk_uptime_analytics will be made`,
        );
      expect(await tables()).toEqual([]);
      await use();
      expect(await check()).toMatch(files ? /uptime.db can be written$/ : /tyk_uptime_analytics is there$/);
    });

    test("each report is counted in its own hour; statistics that are no result only name their URL", async () => {
      const sink = await use();
      const records = [
        report("u", 1, -1),
        report("u", 2, 200),
        report("u", 4, 999),
        report("u", 8, 204, TEN + 3600),
        report("v", 1, -1),
      ];
      await give(sink, records, "a");
      const rows = await place.query(
        "SELECT * FROM tyk_uptime_analytics ORDER BY dimension, dimension_value, timestamp",
      );
      const shown = rows.map((row) => [
        row.dimension,
        row.dimension_value,
        ...["timestamp", "counter_hits", "counter_request_time", "code_200", "code_2x"].map((column) =>
          Number(row[column]),
        ),
      ]);
      expect(shown).toEqual([
        ["", "total", TEN, 2, 3, 1, 0],
        ["", "total", TEN + 3600, 1, 8, 0, 1],
        ["errors", "999", TEN, 1, 4, 0, 0],
        ["url", "u", TEN, 2, 3, 1, 0],
        ["url", "u", TEN + 3600, 1, 8, 0, 1],
        ["url", "v", TEN, 0, 0, 0, 0],
      ]);
    });

    test("what is delivered again is counted once, also in other pieces, after a kill and by another owner", async () => {
      const sink = await use();
      await give(sink, FIRST, "a");
      await give(sink, FIRST, "a", true);
      sink.deliver(SECOND, { wire: "uptime", chunk: "b" });
      await sink.kill();
      await flushed(sink);
      const other = await use();
      await give(other, FIRST, "a", true);
      await give(other, SECOND, "b", true);
      // A piece that ends within a chunk that is counted, then the whole of a longer one.
      await give(other, FIRST.slice(0, 2), "a", true);
      expect(await written()).toEqual(BOTH);
    });

    test("of two owners that have a chunk at the same time one counts it", async () => {
      const [one, two] = [await use(), await use()];
      for (const sink of [one, two]) sink.deliver(FIRST, { wire: "uptime", chunk: "a" });
      await Promise.all([flushed(one), flushed(two)]);
      await give(two, SECOND, "b");
      expect(await written()).toEqual(BOTH);
    });

    test("what cannot be read or kept is a dead letter, what belongs to nobody is skipped, their neighbours are counted", async () => {
      const sink = await use();
      const far = encodeUptime({ url: "u1", orgId: "1", timestamp: { seconds: 1e12, nanos: 0 } });
      const foreign = encodeUptime({ url: "u1", responseCode: 200, timestamp: { seconds: TEN, nanos: 0 } });
      const garbage = Buffer.from("no record");
      const cut = encodeUptime({ url: "u1", orgId: "1" }).subarray(0, 20);
      await give(sink, [FIRST[0]!, garbage, FIRST[1]!, far, FIRST[2]!, foreign, cut, ...SECOND], "a");
      expect(await written()).toEqual(BOTH);
      expect(sink.deadLetters().map(({ index }) => index)).toEqual([1, 6, 3]);
      expect(sink.deadLetters()[2]?.reason).toMatch(/years/);
      expect(sink.taken.skipped).toBe(1);
    });

    test("hostile and very long texts are kept apart and fit", async () => {
      const sink = await use();
      const long = `http://x/${"é".repeat(5000)}`;
      const urls = ["a'; DROP TABLE x; --", "nul\0nul", '\u{1F600}`"\\', `${long}1`, `${long}2`];
      await give(
        sink,
        urls.map((url) => report(url, 1, 200)),
        "a",
      );
      await give(
        sink,
        urls.map((url) => report(url, 1, 200)),
        "b",
      );
      const rows = await place.query("SELECT * FROM tyk_uptime_analytics WHERE dimension = 'url'");
      expect(rows.map((row) => [row.counter_identifier, Number(row.counter_hits)]).sort()).toEqual(
        urls.map((url) => [url.replace("\0", ""), 2]).sort(),
      );
    });

    test("with table_sharding each day has its table and its index", async () => {
      const sink = await use({ table_sharding: true, batch_size: 1 });
      const days = ["tyk_uptime_analytics_20240305", "tyk_uptime_analytics_20240306"];
      const ofToday = `tyk_uptime_analytics_${today()}`;
      await give(sink, [...FIRST, report("u1", 1, 200, TEN + 86_400)], "a");
      expect((await tables()).filter((table) => table.startsWith("tyk"))).toEqual([...days, ofToday]);
      expect((await written("tyk_uptime_analytics_20240306")).map(([dimension, , hits]) => [dimension, hits])).toEqual([
        ["", 1],
        ["url", 1],
      ]);
      if (name === "PostgreSQL") {
        const indexes = await place.query("SELECT indexname AS name FROM pg_indexes WHERE indexname LIKE '%dimension'");
        expect(indexes.map((row) => row.name).sort()).toEqual([...days, ofToday].map((table) => `${table}_dimension`));
      }
    });
  });
}
