import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { encodeUptime } from "@sluice/sdk/record";
import { expect, onTestFinished, test } from "vitest";
import { UPTIME_LIST } from "../core/log/keys.ts";
import { read } from "./sources.ts";
import { arrivals, LIST, numbersIn, push } from "./support/gateway.ts";
import { startPostgres } from "./support/postgres.ts";
import { until } from "./support/pump.ts";
import type { TestRedis } from "./support/redis.ts";
import { useFolder, useRedis, useSluice } from "./support/sluice.ts";

const SINK = "uptime-pump";
const HOUR = Date.UTC(2024, 4, 1, 12) / 1000;

/** Reports [from, to), each of a second of its own. */
async function report(redis: TestRedis, from: number, to: number): Promise<void> {
  const reports = Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    return Buffer.from(
      encodeUptime({
        url: `http://host-${n % 3}/`,
        requestTime: n,
        responseCode: n % 5 === 0 ? 503 : 200,
        serverError: n % 5 === 0,
        timestamp: { seconds: HOUR + (n % 3600), nanos: 0 },
        apiId: "api",
        orgId: "org",
      }),
    );
  });
  await redis.client.rpush(UPTIME_LIST.name, ...reports);
}

/** The sinks that a list keeps chunks for. */
async function groups(redis: TestRedis, list: string): Promise<string[]> {
  const found = (await redis.client.xinfo("GROUPS", `{${list}}:sluice:log`)) as string[][];
  return found.map((group) => group[1]!);
}

interface Counted {
  dimension: string;
  value: string;
  hits: number;
  errors: number;
  ms: number;
}

function counted(file: string): Counted[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const select = database.prepare(
      `SELECT dimension, dimension_value AS value, counter_hits AS hits, counter_error AS errors,
        counter_total_request_time AS ms FROM tyk_uptime_analytics ORDER BY dimension, dimension_value`,
    );
    return select.all().map((row) => ({ ...row }) as unknown as Counted);
  } finally {
    database.close();
  }
}

function expected(count: number): Counted[] {
  const of = (dimension: string, value: string, keep: (n: number) => boolean): Counted => {
    const numbers = Array.from({ length: count }, (_, n) => n).filter(keep);
    const errors = numbers.filter((n) => n % 5 === 0).length;
    return { dimension, value, hits: numbers.length, errors, ms: numbers.reduce((sum, n) => sum + n, 0) };
  };
  return [
    of("", "total", () => true),
    of("errors", "503", (n) => n % 5 === 0),
    ...[0, 1, 2].map((host) => of("url", `http://host-${host}/`, (n) => n % 3 === host)),
  ];
}

test("uptime reports are counted once each through two kills, beside analytics; garbage among them becomes dead letters", async () => {
  const redis = await useRedis();
  const folder = useFolder();
  const csv = join(folder, "csv");
  const file = join(folder, "uptime.db");
  const uptime = { uptime_type: "sql", type: "sqlite", connection_string: file };
  const start = () => useSluice({ redis, csv: { csv }, uptime });
  await push(redis.client, 0, 500);
  await report(redis, 0, 700);
  await redis.client.rpush(UPTIME_LIST.name, "garbage");

  for (let life = 0; life < 2; life++) {
    const sluice = await start();
    await sluice.says((readiness) => readiness?.sinks[SINK]?.ready === true, `that ${SINK} is ready`);
    // Somewhere between the claims and the acknowledgement of the first gather.
    await until(async () => (await redis.client.llen(UPTIME_LIST.name)) === 0, "the claims");
    await sluice.kill();
    await report(redis, 700 + 100 * life, 800 + 100 * life);
  }
  const last = await start();
  await last.drained(redis, [SINK], { lists: [UPTIME_LIST.name] });
  await last.drained(redis, ["csv"], { lists: [LIST] });
  const metrics = await last.metrics();
  await last.terminate();

  expect(counted(file)).toEqual(expected(900));
  expect(arrivals(numbersIn(csv), 500)).toMatchObject({ missing: [], foreign: [] });
  const letters = await redis.client.xrange(`{${UPTIME_LIST.name}}:sluice:dead`, "-", "+");
  expect(letters.map(([, fields]) => fields[fields.indexOf("raw") + 1])).toContain("garbage");
  expect(new Set(letters.map(([, fields]) => fields[fields.indexOf("sink") + 1]))).toEqual(new Set([SINK]));
  // Each list has the groups of its own sinks only.
  expect(await groups(redis, UPTIME_LIST.name)).toEqual([SINK]);
  expect(await groups(redis, LIST)).toEqual(["csv"]);
  expect(metrics).toContain(`sink="${SINK}"`);
  expect(metrics).toContain(`list="${UPTIME_LIST.name}"`);
}, 60_000);

test("sinks that a reload replaces or starts take nothing of the other kind", async () => {
  const redis = await useRedis();
  const folder = useFolder();
  const [csv, late, file] = [join(folder, "csv"), join(folder, "late"), join(folder, "uptime.db")];
  const uptime = { uptime_type: "sql", type: "sqlite", connection_string: file };
  const sluice = await useSluice({ redis, csv: { csv }, uptime });
  await sluice.ready();
  await push(redis.client, 0, 100);
  await report(redis, 0, 100);
  const conf = JSON.parse(readFileSync(sluice.file, "utf8"));
  conf.pumps.csv.timeout = 7;
  conf.pumps.late = { type: "csv", meta: { csv_dir: late } };
  conf.uptime_pump_config.batch_size = 7;
  writeFileSync(sluice.file, JSON.stringify(conf));
  sluice.signal("SIGHUP");
  await until(async () => /Reloaded: .*late started/.test(sluice.output), "the reload");
  await push(redis.client, 100, 200);
  await report(redis, 100, 200);
  await sluice.drained(redis, [SINK], { lists: [UPTIME_LIST.name] });
  await sluice.drained(redis, ["csv", "late"], { lists: [LIST] });
  await sluice.terminate();
  expect(sluice.output).toMatch(/Reloaded: .*csv.*replaced/);
  expect(await groups(redis, UPTIME_LIST.name)).toEqual([SINK]);
  expect((await groups(redis, LIST)).sort()).toEqual(["csv", "late"]);
  expect(counted(file)).toEqual(expected(200));
  expect(arrivals(numbersIn(csv), 200)).toEqual({ missing: [], foreign: [], duplicates: 0 });
}, 60_000);

test("sums in PostgreSQL stay exact while the server is killed between and within transactions", async () => {
  const redis = await useRedis();
  // The others' settings for tests forget what was committed last.
  const postgres = await startPostgres({ flags: { fsync: "on", synchronous_commit: "on" } });
  onTestFinished(() => postgres.stop());
  const uptime = { uptime_type: "sql", type: "postgres", connection_string: postgres.dsn };
  const sluice = await useSluice({ redis, csv: {}, uptime });
  const hits = async () => {
    const sql = "SELECT sum(counter_hits) AS hits FROM tyk_uptime_analytics WHERE dimension = ''";
    return Number((await postgres.query(sql))[0]!.hits);
  };
  let count = 0;
  const more = async () => {
    await report(redis, count, count + 500);
    count += 500;
  };
  await sluice.ready();
  for (let kill = 0; kill < 3; kill++) {
    await more();
    // The first time nothing is written yet, the others something is.
    if (kill > 0) await until(async () => (await hits()) > 0, "rows");
    await postgres.kill("SIGKILL");
    await more();
    await postgres.restart();
  }
  await sluice.drained(redis, [SINK], { lists: [UPTIME_LIST.name], seconds: 60 });
  expect(await hits()).toBe(count);
}, 90_000);

test("with dont_purge_uptime_data the list is left alone", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  await report(redis, 0, 10);
  const sluice = await useSluice({ redis, csv: { csv } });
  await push(redis.client, 0, 10);
  await sluice.ready();
  await sluice.drained(redis, ["csv"]);
  await sluice.terminate();
  expect(await redis.client.llen(UPTIME_LIST.name)).toBe(10);
  expect(await redis.client.keys("*host-checker*")).toEqual([UPTIME_LIST.name]);
});

test("the example of docs/uptime.md: services are tested, counted and shown, and one that is down does not make Sluice unready", async () => {
  const redis = await useRedis();
  let status = 204;
  const web = createServer((request, response) => {
    response.statusCode = request.url === "/health" ? status : 404;
    response.end();
  });
  web.listen(0, "127.0.0.1");
  onTestFinished(() => void web.close());
  await once(web, "listening");
  const example = /```json\n([\s\S]*?)```/
    .exec(read("docs/uptime.md"))![1]!
    .replace("localhost:8080", `127.0.0.1:${(web.address() as AddressInfo).port}`)
    .replace("localhost:6379", `127.0.0.1:${redis.port}`);
  const { uptime_pump_config: uptime, sluice: settings } = JSON.parse(example);
  // A check may take no longer than this, and the machine may be busy.
  settings.uptime.interval = "1s";

  const sluice = await useSluice({ redis, csv: {}, uptime, settings });
  const shows = (line: string) => until(async () => (await sluice.metrics()).includes(`\n${line}\n`), line);
  await sluice.ready();
  await shows('sluice_uptime_up{check="orders"} 1');
  await shows('sluice_uptime_up{check="redis"} 1');
  status = 500;
  await shows('sluice_uptime_up{check="orders"} 0');
  await sluice.ready();
  await sluice.terminate();
  const rows = counted(join(sluice.folder, "uptime.db"));
  expect(rows.map(({ dimension, value }) => `${dimension} ${value.replace(/:\d+/, "")}`)).toEqual([
    " total",
    "errors 500",
    "url http://127.0.0.1/health",
    "url tcp://127.0.0.1",
  ]);
  expect(sluice.output).toMatch(/service orders is down: the status is 500/);
}, 60_000);
