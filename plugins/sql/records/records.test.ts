/** The raw sinks on each database: what they make of tables, values and repeats. */
import { F, type Field, type SinkDefinition } from "@sluice/sdk";
import type { RecordInput } from "@sluice/sdk/record";
import { type OpenSink, open } from "@sluice/sdk/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TestDatabase, useDatabases } from "../aggregate/testing/databases.ts";
import { type Dialect, quoteTable } from "../database/dialect.ts";
import { mysqlDialect } from "../database/mysql/dialect.ts";
import { postgresDialect } from "../database/postgres/dialect.ts";
import { sqliteDialect } from "../database/sqlite/dialect.ts";
import { INDEXED, RECORD } from "./columns.ts";
import { rawSinks } from "./sinks.ts";

const [sql, graph, mcp] = rawSinks as unknown as [SinkDefinition, SinkDefinition, SinkDefinition];
const NOON = Date.UTC(2024, 2, 5, 12);
const DIALECTS: { readonly [name: string]: Dialect } = {
  PostgreSQL: postgresDialect,
  MariaDB: mysqlDialect({ stringSize: 0, wholeSeconds: false }),
  SQLite: sqliteDialect,
};

const records = (from: number, to: number, more: RecordInput = {}): RecordInput[] =>
  Array.from({ length: to - from }, (_, i) => ({ timestamp: NOON, path: `/${from + i}`, ...more }));

for (const database of useDatabases()) describe(database.name, () => suite(database));

function suite(database: TestDatabase): void {
  const dialect = DIALECTS[database.name]!;
  const q = (name: string) => quoteTable(dialect, name);
  let sinks: OpenSink[] = [];

  const start = async (options: object = {}, definition = sql, limits = {}) => {
    const sink = await open(definition, { ...database.config, ...options }, { limits });
    sinks.push(sink);
    return sink;
  };
  const tables = async () =>
    (await database.query(dialect.catalogue.tables))
      .map(({ name }) => String(name))
      .filter((name) => !/^sqlite_/.test(name));
  const paths = async (table = "tyk_analytics") =>
    (await database.query(`SELECT path FROM ${q(table)}`)).map(({ path }) => String(path)).sort();
  const row = async (table = "tyk_analytics") => (await database.query(`SELECT * FROM ${q(table)}`))[0]!;
  const deliver = async (sink: OpenSink, ...args: Parameters<OpenSink["deliver"]>) => {
    sink.deliver(...args);
    await sink.settled();
  };

  beforeEach(async () => {
    for (const name of await tables()) await database.query(`DROP TABLE ${q(name)}`);
  });
  afterEach(async () => {
    for (const sink of sinks.splice(0)) await sink.close();
    sinks = [];
  });

  describe("tables", () => {
    test("an older one gets the columns that it lacks, and keeps what it has", async () => {
      await database.query(`CREATE TABLE tyk_analytics (path varchar(255), apiid varchar(255), extra int)`);
      await database.query(`INSERT INTO tyk_analytics (path, extra) VALUES ('/old', 7)`);
      await deliver(await start(), records(0, 3));
      expect(await paths()).toEqual(["/0", "/1", "/2", "/old"]);
      const names = Object.keys(await row());
      expect(names.slice(0, 3)).toEqual(["path", "apiid", "extra"]);
      expect(names).toHaveLength(RECORD.length + 1);
      await start();
      expect(Object.keys(await row())).toHaveLength(RECORD.length + 1);
    });

    test("with a column in another spelling are written to", async () => {
      await database.query("CREATE TABLE tyk_analytics (PATH varchar(255), expireat varchar(99))");
      await deliver(await start(), records(0, 2));
      expect(await database.query("SELECT path FROM tyk_analytics")).toHaveLength(2);
    });

    test("that are dropped, or lose a column, under the sink are made anew", async () => {
      const sink = await start();
      await deliver(sink, records(0, 2));
      await database.query("DROP TABLE tyk_analytics");
      sink.deliver(records(2, 4));
      await sink.retrying();
      await sink.clock.advance(60_000);
      await sink.settled();
      expect(await paths()).toEqual(["/2", "/3"]);
      await database.query(`ALTER TABLE tyk_analytics DROP COLUMN ${dialect.quote("alias")}`);
      sink.deliver(records(4, 5, { alias: "a" }));
      await sink.retrying();
      await sink.clock.advance(60_000);
      await sink.settled();
      expect(await paths()).toEqual(["/2", "/3", "/4"]);
      expect(sink.deadLetters()).toEqual([]);
    });

    test("of days: one each, with indexes, today's from the start", async () => {
      const sink = await start({ table_sharding: true });
      const now = new Date();
      const two = (n: number) => String(n).padStart(2, "0");
      const today = `tyk_analytics_${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
      expect(await tables()).toEqual([today]);
      const days = [NOON, NOON + 86_400_000, NOON].flatMap((timestamp, i) =>
        records(10 * i, 10 * i + 2, { timestamp }),
      );
      await deliver(sink, days);
      expect((await tables()).sort()).toEqual(["tyk_analytics_20240305", "tyk_analytics_20240306", today].sort());
      expect(await paths("tyk_analytics_20240305")).toEqual(["/0", "/1", "/20", "/21"]);
      expect(await paths("tyk_analytics_20240306")).toEqual(["/10", "/11"]);
      for (const table of await tables()) {
        // Each can be dropped by its name once only.
        for (const column of INDEXED) {
          const on = dialect.name === "mysql" ? ` ON ${q(table)}` : "";
          await database.query(`DROP INDEX ${dialect.quote(`${table}_idx_${column}`)}${on}`);
        }
      }
    });

    test("of earlier days get their columns where that is asked for", async () => {
      for (const day of ["20240101", "20240102", "20241301", "other"]) {
        await database.query(`CREATE TABLE tyk_analytics_${day} (path varchar(255))`);
        await database.query(`INSERT INTO tyk_analytics_${day} (path) VALUES ('/')`);
      }
      await start({ table_sharding: true, migrate_sharded_tables: true });
      const widths = await Promise.all(
        ["20240101", "20240102", "20241301", "other"].map(
          async (day) => Object.keys(await row(`tyk_analytics_${day}`)).length,
        ),
      );
      expect(widths).toEqual([52, 52, 1, 1]);
    });

    test("of GraphQL and MCP records have the name that is configured, whatever is in it", async () => {
      const name = "we\"ird`; DROP TABLE x --'";
      await deliver(
        await start({ table_name: name }, graph),
        records(0, 2, { isGraphql: true, graphqlOperationType: 2 }),
      );
      expect(await database.query(`SELECT operation_type, analytics_path FROM ${dialect.quote(name)}`)).toHaveLength(2);
      await deliver(await start({}, mcp), [
        ...records(0, 3, { isMcp: true, mcpPrimitiveName: "tool" }),
        ...records(3, 5),
      ]);
      expect((await row("tyk_analytics_mcp")).primitive_name).toBe("tool");
      expect(await database.query("SELECT 1 FROM tyk_analytics_mcp")).toHaveLength(3);
    });
  });

  describe("values", () => {
    const HOSTILE = `'; DROP TABLE tyk_analytics; --\\ \\' "\`\t\r\n\\N $1 ? :a %s \u2028 ü 名前 😀`;

    test("hostile texts in every field come out as they went in", async () => {
      const texts = RECORD.filter(({ value }) => typeof value !== "function" && value.kind === "text");
      const properties = new Map(Object.entries(F).map(([property, field]) => [field, property]));
      const record = Object.fromEntries(
        texts.map(({ name, value }) => [properties.get(value as Field)!, HOSTILE + name]),
      );
      await deliver(await start(), [
        { timestamp: NOON, tags: [HOSTILE], geoCityNames: { [HOSTILE]: HOSTILE }, ...record },
      ]);
      const written = await row();
      for (const { name } of texts) expect(written[name]).toBe(HOSTILE + name);
      expect(JSON.parse(String(written.tags))).toEqual([HOSTILE]);
      expect(JSON.parse(String(written.geo_city_names))).toEqual({ [HOSTILE]: HOSTILE });
    });

    test("long texts, invalid UTF-8 and NUL", async () => {
      const long = "x'\\\t\n ü ".repeat(5000);
      const bytes = Buffer.concat([Buffer.from("a"), Buffer.from([0xff, 0xfe, 0xc3]), Buffer.from("z")]);
      const sink = await start();
      await deliver(sink, [{ timestamp: NOON, path: bytes, rawRequest: long, alias: "nul\0nul" }]);
      const written = await row();
      expect(written.path).toBe("a\ufffd\ufffd\ufffdz");
      expect(written.rawrequest).toBe(long);
      expect(written.alias).toBe(dialect.name === "postgres" ? "nulnul" : "nul\0nul");
    });

    test("what a column cannot hold is a dead letter, the rest is there", async () => {
      // Into older tables with narrower columns; SQLite's have no bounds.
      if (dialect.name === "sqlite") return;
      await database.query("CREATE TABLE tyk_analytics (path varchar(255), alias varchar(5), day smallint)");
      const sink = await start();
      const bad = [{ alias: "too long" }, { day: 100_000 }];
      await deliver(sink, [
        ...records(0, 6),
        ...bad.map((one) => ({ timestamp: NOON, path: "/bad", ...one })),
        ...records(6, 9),
      ]);
      expect(await paths()).toEqual(["/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"]);
      expect(sink.deadLetters().map(({ index }) => index)).toEqual([6, 7]);
      expect(sink.deadLetters()[0]!.reason).toMatch(/alias|too long/);
    });

    test("extreme numbers and times are there, or dead letters", async () => {
      const times = [-62_135_596_800, -62_135_596_801, -100_000_000_000, 253_402_300_800, 9_000_000_000_000, 2 ** 52];
      const numbers = [2n ** 63n - 1n, -(2n ** 63n)];
      const sink = await start();
      const inputs: RecordInput[] = [
        ...times.map((seconds) => ({ path: `/t${seconds}`, timestamp: { seconds, nanos: 999_999_999 } })),
        ...numbers.map((n) => ({ path: `/n${n}`, timestamp: NOON, requestTime: n })),
        {
          path: "/inf",
          timestamp: NOON,
          geoLocationLatitude: Number.POSITIVE_INFINITY,
          geoLocationLongitude: Number.NaN,
        },
        { path: "/neg", timestamp: NOON, geoLocationLatitude: -1e-300, geoLocationLongitude: 1e300 },
        ...records(0, 30),
      ];
      await deliver(sink, inputs);
      const there = await paths();
      expect(there.length + sink.deadLetters().length).toBe(inputs.length);
      expect(there).toContain(`/n${numbers[0]}`);
      expect(there).toContain("/neg");
      expect(there).toContain("/29");
      const [{ n }] = (await database.query(
        `SELECT CAST(requesttime AS char(30)) AS n FROM tyk_analytics WHERE path = '/n${numbers[1]}'`,
      )) as [{ n: string }];
      expect(n.trim()).toBe(String(numbers[1]));
    });
  });

  describe("effectively once", () => {
    const once = { effectively_once: true };

    test("a batch that comes again makes no rows twice, and leaves the table as it was", async () => {
      const sink = await start(once);
      await deliver(sink, records(0, 100), { chunk: "a" });
      for (let i = 0; i < 3; i++) {
        const next = await start(once);
        await deliver(next, records(0, 100), { chunk: "a", redelivered: true });
        expect(next.taken.written).toBe(100);
      }
      expect(await paths()).toHaveLength(100);
      expect(Object.keys(await row())).toHaveLength(RECORD.length);
    });

    test("also in other pieces, with some left out and some not yet written", async () => {
      const all = records(0, 50).map((one, i) => (i % 5 === 0 ? { ...one, isMcp: true } : one));
      await deliver(await start(once, sql, { batch: { records: 7 } }), all.slice(0, 30), { chunk: "a" });
      await deliver(await start(once, sql, { batch: { records: 9 } }), all, { chunk: "a", redelivered: true });
      await deliver(await start(once), all, { chunk: "a", redelivered: true });
      expect(await paths()).toEqual(
        all
          .filter((_, i) => i % 5 !== 0)
          .map(({ path }) => String(path))
          .sort(),
      );
    });

    test("a refused record among them: it alone is a dead letter, at each delivery", async () => {
      if (dialect.name === "sqlite") return;
      await database.query("CREATE TABLE tyk_analytics (path varchar(255), alias varchar(5))");
      const all = records(0, 40).map((one, i) => (i === 13 ? { ...one, alias: "too long" } : one));
      for (const redelivered of [false, true, true]) {
        const sink = await start(once);
        await deliver(sink, all, { chunk: "a", redelivered });
        expect(sink.deadLetters().map(({ index }) => index)).toEqual([13]);
      }
      expect(await paths()).toHaveLength(39);
    });

    test("two owners of one chunk at once: each record once", async () => {
      const [one, other] = [await start(once), await start(once)];
      one.deliver(records(0, 500), { chunk: "a", redelivered: true });
      other.deliver(records(0, 500), { chunk: "a", redelivered: true });
      const settle = async (sink: OpenSink) => {
        const settled = sink.settled();
        const timer = setInterval(() => void sink.clock.advance(1000), 20);
        await settled;
        clearInterval(timer);
      };
      await Promise.all([settle(one), settle(other)]);
      expect(await paths()).toHaveLength(500);
    });
  });
}
