import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT, FLAGS } from "../core/cli/settle.js";
import { formatLock, type LockedPlugin, readLock } from "../core/plugins/lock.ts";
import { lockFolder } from "../core/plugins/lock-folder.ts";
import { freePort } from "../test/support/redis.ts";
import type { Source } from "./backlog.ts";
import { csvRows } from "./csv-rows.ts";
import { requests } from "./exposition.ts";
import { memoryOf } from "./process.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROCESS = fileURLToPath(new URL("./pump-process.js", import.meta.url));
const STOP_MS = 2000;
const SAMPLE_MS = 50;
const PATIENCE_MS = 120_000;
/** And of each record. */
const PATIENCE_RECORD_MS = 0.1;

/** What the process is told. */
export interface Order {
  conf: string;
  lockFile: string;
  /** It ends once each sink of `expect` has so many; null: it is one of several, and ends when told. */
  records: number | null;
  expect: readonly string[];
}

/** What the process tells, in this order; then it waits for a word before it stops. */
export type Report =
  | { t: "open" }
  | { t: "draining" }
  | {
      t: "drained";
      sinks: SinkReport[];
      /** Of all its threads, and of the supervisor's alone, while it drained. */
      cpuSeconds: number;
      mainSeconds: number;
    };

export interface SinkReport {
  name: string;
  delivered: number;
  written: number;
  deadLettered: number;
  /** From the first claim to its last acknowledgement. */
  seconds: number;
}

export interface Sinks {
  /** `bad`: need not finish. */
  [name: string]: OwnSink | ForeignSink;
}

export interface OwnSink {
  type: "csv" | "prometheus" | "count" | "count-apart" | "age" | "hangs" | "fails" | "suspended";
  bad?: true;
}

/** A sink whose records lie elsewhere. */
export interface ForeignSink {
  type: "sql" | "sql_aggregate";
  meta: object;
  actors?: number;
  /** How many have arrived there. */
  arrived: () => Promise<number>;
  bad?: never;
}

export interface Run {
  sinks: Map<string, SinkReport>;
  cpuSeconds: number;
  mainSeconds: number;
  /** MB of resident memory; shared pages count once. */
  rss: { peak: number; steady: number };
  /** Of each `age` sink: milliseconds, sorted. */
  ages: Map<string, Float64Array>;
}

/**
 * Runs a pump over the Redis of `backlog`: starts it on empty lists, lets `push` bring the records (all at once), and checks
 * that each of them arrived.
 */
export async function runPump(
  backlog: Source,
  sinks: Sinks,
  records: number,
  push: () => Promise<void> = () => backlog.push(),
): Promise<Run> {
  await backlog.stage(records);
  return inFolder(async (folder) => {
    const expect = Object.keys(sinks).filter((name) => !sinks[name]!.bad);
    const run = await instance(backlog, sinks, folder, { records, expect }, push);
    for (const name of expect) {
      const sink = sinks[name]!;
      const arrived = "arrived" in sink ? await sink.arrived() : arrivals(folder, name, sink.type);
      account([run.sinks.get(name)!], arrived, records);
    }
    const ages = expect.filter((name) => sinks[name]!.type === "age");
    return { ...run, ages: new Map(ages.map((name) => [name, readAges(folder, name)])) };
  });
}

/**
 * Several pumps with one sink that counts share the records. `push` is called once all are open, and resolves when all records
 * are acknowledged. Gives the CPU seconds of each.
 */
export async function runInstances(
  backlog: Source,
  count: number,
  records: number,
  push: () => Promise<void>,
): Promise<number[]> {
  await backlog.stage(records);
  return inFolder(async (folder) => {
    const name = "a";
    const all = Promise.withResolvers<void>();
    let open = 0;
    const opened = () => {
      open++;
      if (open === count) push().then(all.resolve, all.reject);
      return all.promise;
    };
    const folders = Array.from({ length: count }, () => mkdtempSync(join(folder, "instance-")));
    const runs = await Promise.all(
      folders.map((own) =>
        instance(backlog, { [name]: { type: "count" } }, own, { records: null, expect: [] }, opened),
      ),
    );
    const arrived = folders.reduce((sum, own) => sum + arrivals(own, name, "count"), 0);
    account(
      runs.map(({ sinks }) => sinks.get(name)!),
      arrived,
      records,
    );
    return runs.map(({ cpuSeconds }) => cpuSeconds);
  });
}

/** Throws Error where the reports on a sink, and what arrived, are not about all records. */
function account(reports: readonly SinkReport[], arrived: number, records: number): void {
  const sum = (key: "delivered" | "written" | "deadLettered") => reports.reduce((sum, report) => sum + report[key], 0);
  const [delivered, written, deadLettered] = [sum("delivered"), sum("written"), sum("deadLettered")];
  if (delivered !== records || written !== records || deadLettered !== 0 || arrived !== records) {
    throw new Error(
      `${reports[0]?.name} has ${arrived} of ${records} records (delivered ${delivered}, written ${written}, set aside ${deadLettered})`,
    );
  }
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One process with its configuration in the folder, to its end. */
async function instance(
  backlog: Source,
  sinks: Sinks,
  folder: string,
  order: Pick<Order, "records" | "expect">,
  push: () => Promise<void>,
): Promise<Omit<Run, "ages">> {
  const conf = join(folder, "pump.conf");
  const addresses = await addressesOf(sinks);
  writeFileSync(conf, JSON.stringify(await pumpConf(backlog, sinks, folder, addresses)));
  const whole = { ...order, conf, lockFile: await lockFile(folder) };
  return drained(whole, folder, push, () => scrapeAll(addresses, folder));
}

async function pumpConf({ storage, settings }: Source, sinks: Sinks, folder: string, addresses: Addresses) {
  const pumps = Object.entries(sinks).map(([name, sink]) => {
    const { type } = sink;
    if ("meta" in sink) return [name, { type, meta: sink.meta }];
    const path = join(folder, name);
    const meta = { csv: { csv_dir: path }, prometheus: { listen_address: addresses.get(name) } };
    return [name, { type, meta: type in meta ? meta[type as keyof typeof meta] : { file: path } }];
  });
  return {
    analytics_storage_config: storage,
    dont_purge_uptime_data: true,
    health_check_endpoint_port: await freePort(),
    pumps: Object.fromEntries(pumps),
    sluice: { stop: STOP_MS, sinks: actorsOf(sinks), ...settings },
  };
}

function actorsOf(sinks: Sinks): { [name: string]: { actors: number } } {
  const several = Object.entries(sinks).filter(([, sink]) => "actors" in sink && sink.actors !== undefined);
  return Object.fromEntries(several.map(([name, sink]) => [name, { actors: (sink as ForeignSink).actors! }]));
}

/** Where each sink that is scraped listens. */
type Addresses = ReadonlyMap<string, string>;

async function addressesOf(sinks: Sinks): Promise<Addresses> {
  const scraped = Object.keys(sinks).filter((name) => sinks[name]!.type === "prometheus");
  return new Map(await Promise.all(scraped.map(async (name) => [name, `127.0.0.1:${await freePort()}`] as const)));
}

/** Their totals end with the process: leaves them where the other sinks leave what they got. */
async function scrapeAll(addresses: Addresses, folder: string): Promise<void> {
  for (const [name, address] of addresses) {
    writeFileSync(join(folder, name), await (await fetch(`http://${address}/metrics`)).text());
  }
}

/** The lock of this repository, and our own sinks. */
let lock: Promise<string> | null = null;

async function lockFile(folder: string): Promise<string> {
  lock ??= lockFolder(join(ROOT, "bench"), ROOT).then((own) => {
    const { lockVersion, plugins } = readLock(join(ROOT, "plugins.lock.json"));
    const absolute = [...plugins, ...apart(own)].map((plugin) => ({ ...plugin, entry: join(ROOT, plugin.entry) }));
    return formatLock({ lockVersion, plugins: absolute });
  });
  const file = join(folder, "plugins.lock.json");
  writeFileSync(file, await lock);
  return file;
}

/** Who runs in a process of its own does so by its plugin's isolation. */
function apart(own: LockedPlugin): LockedPlugin[] {
  const isApart = ({ type }: LockedPlugin["types"][number]) => type === "count-apart";
  const inProcess = { name: `${own.name}-apart`, isolation: "process" as const, types: own.types.filter(isApart) };
  return [
    { ...own, types: own.types.filter((type) => !isApart(type)) },
    { ...own, ...inProcess },
  ];
}

async function drained(
  order: Order,
  folder: string,
  push: () => Promise<void>,
  beforeStop: () => Promise<void>,
): Promise<Omit<Run, "ages">> {
  const flags = [...FLAGS, ...(process.env.SLUICE_BENCH_NODE_FLAGS?.split(" ").filter(Boolean) ?? [])];
  const child = spawn(process.execPath, [...flags, PROCESS, JSON.stringify(order)], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...ENVIRONMENT },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const pid = child.pid!;
  const samples: number[] = [];
  let sampler: NodeJS.Timeout | undefined;
  const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS + (order.records ?? 0) * PATIENCE_RECORD_MS);
  try {
    return await new Promise<Omit<Run, "ages">>((resolve, reject) => {
      let result: Omit<Run, "ages"> | null = null;
      child.on("message", (report: Report) => {
        if (report.t === "open") push().then(() => order.records === null && child.send("end"), reject);
        else if (report.t === "draining") {
          sampler = setInterval(() => samples.push(memoryOf(pid, "VmRSS")), SAMPLE_MS);
        } else {
          clearInterval(sampler);
          samples.push(memoryOf(pid, "VmRSS"));
          const sinks = new Map(report.sinks.map((sink) => [sink.name, sink]));
          const rss = { peak: memoryOf(pid, "VmHWM"), steady: samples.toSorted((a, b) => a - b)[samples.length >> 1]! };
          result = { ...report, sinks, rss };
          beforeStop().then(() => child.send("stop"), reject);
        }
      });
      child.on("exit", (code, signal) => {
        if (result && code === 0) resolve(result);
        else reject(new Error(`the pump ended with ${signal ?? code}:\n${output.slice(-4000)}`));
      });
    });
  } finally {
    clearInterval(sampler);
    clearTimeout(patience);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
}

/** Records that reached the sink, by what it left: its own count, its metrics, or its rows (no field of ours holds a line feed). */
function arrivals(folder: string, name: string, type: OwnSink["type"]): number {
  if (type === "csv") return csvRows(join(folder, name));
  if (type === "prometheus") return requests(readFileSync(join(folder, name), "utf8"));
  return type === "age" ? readAges(folder, name).length : Number(readFileSync(join(folder, name), "utf8"));
}

function readAges(folder: string, name: string): Float64Array {
  return Float64Array.from(readFileSync(join(folder, name), "utf8").split("\n").map(Number)).sort();
}
