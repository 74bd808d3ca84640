import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Actor } from "../../core/actor/actor.ts";
import { homeOf } from "../../core/actor/home.ts";
import { limitsFor } from "../../core/actor/limits.ts";
import type { SinkConfig } from "../../core/config/config.ts";
import { loadConfig } from "../../core/config/load.ts";
import { createPlugin } from "../../core/plugins/create.ts";
import { helloOf } from "../../core/supervisor/crew.ts";
import { packageOf } from "../../test/support/tarball.ts";
import type { Backlog } from "../backlog.ts";
import { runPump, type Sinks } from "../pump.ts";
import type { Figure } from "../table.ts";

const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
const MiB = 2 ** 20;
const ADDS = 3;
const STARTS = 7;
const RECORDS = 1_000_000;
const ROUNDS = 3;

/** Installing a plugin, starting it from its bundle, and what a process of its own costs. */
export async function plugins(backlog: Backlog): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    createPlugin(join(folder, "jsonl"));
    writeFileSync(join(folder, "jsonl.tgz"), packageOf(join(folder, "jsonl")));
    const adds: number[] = [];
    for (let i = 0; i < ADDS; i++) adds.push(await add(folder));
    const conf = { pumps: { jsonl: { type: "jsonl", meta: { file: join(folder, "records.jsonl") } } } };
    writeFileSync(join(folder, "pump.conf"), JSON.stringify(conf));
    const [sink] = loadConfig({ cwd: folder, env: {} }).config.sinks;
    const threads: number[] = [];
    const processes: number[] = [];
    for (let i = 0; i <= STARTS; i++) {
      const thread = await started(sink!);
      const apart = await started({ ...sink!, plugin: { ...sink!.plugin, isolation: "process" } });
      // The first ones fill the compile cache.
      if (i > 0) threads.push(thread);
      if (i > 0) processes.push(apart);
    }
    return [
      { name: "plugin add of a tarball", values: adds, unit: "s", atMost: 3 },
      { name: "a thread starts from its bundle, to open", values: threads, unit: "ms", atMost: 150 },
      { name: "the same in a process of its own", values: processes, unit: "ms" },
      ...(await isolationCost(backlog)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds. */
async function add(cwd: string): Promise<number> {
  rmSync(join(cwd, "sluice-plugins"), { recursive: true, force: true });
  const began = performance.now();
  const child = spawn(process.execPath, [COMMAND, "plugin", "add", "jsonl.tgz", "--accept"], { cwd, stdio: "ignore" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error("the plugin was not added");
  return (performance.now() - began) / 1000;
}

/** Milliseconds from the start of an actor until its sink is open. */
async function started(sink: SinkConfig): Promise<number> {
  const began = performance.now();
  const opened = Promise.withResolvers<number>();
  const gone = Promise.withResolvers<void>();
  const actor = new Actor(
    helloOf(sink, 0),
    { heap: sink.heapMb * MiB, external: sink.heapMb * MiB },
    {
      ready: (ready) => limitsFor(ready, 0),
      opened: () => opened.resolve(performance.now() - began),
      message: () => {},
      fatal: (_, { message }) => opened.reject(new Error(message)),
      exit({ reason }) {
        opened.reject(new Error(reason));
        gone.resolve();
      },
    },
    () => {},
    homeOf(sink),
  );
  const ms = await opened.promise;
  await actor.close("stop", Date.now() + 1000);
  await gone.promise;
  return ms;
}

/** CPU of all processes a record, Redis aside; the two take turns. */
async function isolationCost(backlog: Backlog): Promise<Figure[]> {
  const nanoseconds = async (sinks: Sinks) => ((await runPump(backlog, sinks, RECORDS)).cpuSeconds / RECORDS) * 1e9;
  const thread: number[] = [];
  const apart: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    thread.push(await nanoseconds({ a: { type: "count" } }));
    apart.push(await nanoseconds({ a: { type: "count-apart" } }));
  }
  return [
    { name: "CPU a record, counted in a thread", values: thread, unit: "ns" },
    { name: "CPU a record, counted in a process", values: apart, unit: "ns" },
    { name: "  times that of a thread", values: apart.map((ns, i) => ns / thread[i]!), atMost: 2 },
  ];
}
