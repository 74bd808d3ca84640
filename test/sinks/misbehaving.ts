import { spawnSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, Worker } from "node:worker_threads";
import {
  type AnalyticsRecord,
  type Batch,
  type BatchShape,
  type Call,
  defineSink,
  encode,
  Fatal,
  Refused,
  Retryable,
  Type,
} from "@sluice/sdk";
import { note } from "./ledger.ts";

/** One sink for each way to misbehave. All write down what they deliver, so that a test sees what became of the rest. */
const config = Type.Object({ file: Type.String() });

type Misbehave = (
  batch: Batch<AnalyticsRecord>,
  call: Call<AnalyticsRecord>,
) => undefined | Batch<AnalyticsRecord> | Promise<undefined>;

/** Misbehaves before a batch is written, then (if it still can) writes it, or what is answered instead of it. */
function sink(type: string, misbehave: (file: string) => Misbehave, batch: BatchShape = {}) {
  return defineSink({
    type,
    config,
    batch,
    async open({ config: { file } }) {
      const act = misbehave(file);
      return {
        async write(batch, call) {
          note(file, (await act(batch, call)) ?? batch);
        },
      };
    },
  });
}

/** Whether this is the first time, over all lives of the actor. */
function first(file: string): boolean {
  if (existsSync(`${file}.once`)) return false;
  writeFileSync(`${file}.once`, "");
  return true;
}

function poisoned(batch: Batch<AnalyticsRecord>): boolean {
  for (const record of batch) if (record.path === "/poison") return true;
  return false;
}

/** Writes down what went wrong with an attempt, or that nothing did. */
function noteError(file: string, attempt: () => unknown): void {
  let outcome = "done";
  try {
    attempt();
  } catch (error) {
    outcome = `${(error as { code?: string }).code ?? ""} ${(error as Error).message}`;
  }
  appendFileSync(`${file}.errors`, `${outcome}\n`);
}

function noVariable(): never {
  throw new Error("no such variable");
}

const lines = encode.json("record", { join: "lines" });

const never = new Promise<never>(() => {});

/** A gatherer that writes all of a gather down at once, or fails at the poison in it. */
function gatherer(type: string, fail: { add?: () => Error; flush?: () => Error }) {
  return defineSink({
    type,
    config,
    gather: { ms: 50, records: 1000 },
    async open({ config: { file } }) {
      return {
        gather() {
          let lines = "";
          let poison = false;
          return {
            add(batch) {
              poison ||= poisoned(batch);
              if (poison && fail.add) throw fail.add();
              for (const record of batch) lines += `${record.id} ${record.path}\n`;
            },
            async flush() {
              if (poison && fail.flush) throw fail.flush();
              appendFileSync(file, lines);
            },
          };
        },
      };
    },
  });
}

/** A gatherer that rejects poison as it comes, and whose flush lasts until the file `<file>.open` is there. */
const rejectingGatherer = defineSink({
  type: "gather-rejects",
  config,
  gather: { ms: 50, records: 1000 },
  async open({ config: { file } }) {
    return {
      gather() {
        let lines = "";
        return {
          add(batch, call) {
            for (const record of batch) {
              if (record.path === "/poison") call.reject(record, "poison");
              else lines += `${record.id} ${record.path}\n`;
            }
          },
          async flush() {
            writeFileSync(`${file}.flushing`, "");
            while (!existsSync(`${file}.open`)) await sleep(10);
            appendFileSync(file, lines);
          },
        };
      },
    };
  },
});

export default [
  rejectingGatherer,
  gatherer("gather-add-throws", { add: () => new TypeError("poison in add") }),
  gatherer("gather-flush-throws", { flush: () => new TypeError("poison in flush") }),
  gatherer("gather-flush-refuses", { flush: () => new Refused("poison refused") }),
  sink("throws", () => (batch) => {
    if (poisoned(batch)) throw new TypeError("cannot read properties of poison");
    return undefined;
  }),
  sink("refuses", () => (batch) => {
    if (poisoned(batch)) throw new Refused("no poison, please");
    return undefined;
  }),
  sink("refuses-all", () => () => {
    throw new Refused("I take nothing");
  }),
  sink("rejects-nothing", (file) => () => (first(file) ? Promise.reject(undefined) : undefined)),
  sink("fails-some", () => {
    let calls = 0;
    return () => {
      if (++calls % 3 === 1) throw new Retryable("busy", { after: 1 });
      return undefined;
    };
  }),
  sink("fails-all", () => () => {
    throw new Retryable("down");
  }),
  sink("fatal-write", () => () => {
    throw new Fatal("no such index");
  }),
  sink("half", (file) => (batch, call) => {
    const half = batch.slice(0, batch.size >> 1);
    if (call.attempt > 1 || half.size === 0) return undefined;
    note(file, half);
    call.wrote(half);
    throw new Retryable("half of it", { after: 1 });
  }),
  sink("rejects-poison", () => (batch, call) => {
    for (const record of batch) if (record.path === "/poison") call.reject(record, "poison is not for me");
    return batch.filter(({ path }) => path !== "/poison");
  }),
  sink("crashes-on-poison", () => (batch) => {
    if (poisoned(batch)) process.exit(3);
    return undefined;
  }),
  sink("exits-once", (file) => () => {
    if (first(file)) process.exit(3);
    return undefined;
  }),
  sink("rejects-aside", (file) => async () => {
    if (first(file)) {
      void Promise.reject(new Error("nobody listens"));
      await never;
    }
    return undefined;
  }),
  sink("loops-once", (file) => () => {
    while (first(file)) for (;;);
    return undefined;
  }),
  sink("hangs-once", (file) => () => (first(file) ? never : undefined)),
  sink("heeds-signal", (file) => (_batch, call) => {
    if (!first(file)) return undefined;
    return new Promise((_resolve, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason)));
  }),
  sink("leaks-heap-once", (file) => () => {
    const kept: number[][] = [];
    while (first(file)) for (;;) kept.push(new Array(1000).fill(Math.random()));
    return undefined;
  }),
  sink(
    "leaks-slowly-once",
    (file) => {
      const leaks = first(file);
      const kept: number[][] = [];
      return async () => {
        if (leaks) kept.push(new Array(500_000).fill(0.5));
        await sleep(5);
        return undefined;
      };
    },
    { records: 10 },
  ),
  sink("exits", () => () => process.exit(3)),
  sink("leaks-buffers-once", (file) => () => {
    const kept: Buffer[] = [];
    while (first(file)) for (;;) kept.push(Buffer.alloc(1 << 20, 1));
    return undefined;
  }),
  sink("leaks-array-once", (file) => () => {
    // One array past the limit in a single step: in a thread this may take the whole process with it.
    const kept: number[] = [];
    while (first(file)) for (;;) kept.push(1.5);
    return undefined;
  }),
  sink("aborts-once", (file) => () => {
    if (first(file)) process.abort();
    return undefined;
  }),
  sink("good-too", (file) => {
    writeFileSync(`${file}.pid`, String(process.pid));
    return () => undefined;
  }),
  sink("throws-later-once", (file) => async () => {
    if (!first(file)) return undefined;
    setTimeout(() => {
      throw new TypeError("out of turn");
    });
    return never;
  }),
  sink("swallows-once", (file) => async () => {
    if (!first(file)) return undefined;
    process.on("uncaughtException", () => {});
    setTimeout(() => {
      throw new TypeError("never mind");
    });
    return never;
  }),
  sink("waits-natively-once", (file) => () => {
    if (first(file)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return undefined;
  }),
  sink("computes-natively-once", (file) => () => {
    // Nothing can interrupt it: a while of native code.
    if (first(file)) pbkdf2Sync("a", "b", 3_000_000, 64, "sha512");
    return undefined;
  }),
  sink("floods-messages", () => () => {
    for (let i = 0; i < 100_000; i++) parentPort?.postMessage({ t: "settled", seqs: [i], nonsense: "x".repeat(100) });
    return undefined;
  }),
  sink("reports-foreign", (file) => {
    let kept: Batch<AnalyticsRecord> | null = null;
    return (batch, call) => {
      if (kept) noteError(file, () => call.wrote(kept!));
      kept = batch;
      return undefined;
    };
  }),
  sink("reports-twice", (file) => (batch, call) => {
    note(file, batch);
    call.wrote(batch);
    call.wrote(batch);
    call.reject(batch, "and now not");
    return batch.slice(0, 0);
  }),
  sink("reports-late", (file) => {
    let kept: Call<AnalyticsRecord> | null = null;
    return (batch, call) => {
      if (kept) noteError(file, () => kept!.wrote(batch));
      kept = call;
      return undefined;
    };
  }),
  sink("writes-memory", () => (batch) => {
    const seen = batch.filter(() => true);
    for (const { body } of lines.pages(batch)) body.fill(0x78);
    return seen;
  }),
  defineSink({
    type: "measures-nonsense",
    config,
    async open({ config: { file }, metrics }) {
      const calls = metrics.counter("calls", "Calls of write");
      const gauge = metrics.gauge("nonsense", "");
      const histogram = metrics.histogram("nonsense too", "");
      return {
        async write(batch) {
          calls.add(1);
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number]) {
            calls.add(value);
            gauge.set(value);
            histogram.observe(value);
          }
          note(file, batch);
        },
      };
    },
  }),
  sink("reaches-out", (file) => {
    const attempts: { [name: string]: () => unknown } = {
      read: () => readFileSync("/etc/hostname", "utf8"),
      list: () => readdirSync("/"),
      write: () => writeFileSync("/tmp/sluice-reached-out", ""),
      spawn: () => spawnSync("true"),
      thread: () => new Worker("", { eval: true }),
      addon: () => process.dlopen({ exports: {} }, "/lib/x86_64-linux-gnu/libc.so.6"),
      variable: () => process.env.SLUICE_TEST_SECRET ?? noVariable(),
    };
    return () => {
      for (const attempt of Object.values(attempts)) noteError(file, attempt);
      return undefined;
    };
  }),
  sink("reads-ungranted", () => () => {
    readFileSync("/etc/hostname", "utf8");
    return undefined;
  }),
  sink("pollutes", () => () => {
    Object.assign(Object.prototype, { polluted: "yes" });
    Array.prototype.map = () => {
      throw new Error("mapped by somebody else");
    };
    JSON.stringify = () => "{}";
    return undefined;
  }),
  sink("starts-timers", () => {
    for (let i = 0; i < 20_000; i++) setInterval(() => {}, 1);
    return () => undefined;
  }),
  defineSink({
    type: "throws-open",
    config,
    async open() {
      throw new TypeError("cannot read properties of nothing");
    },
  }),
  sink("keeps-batch", () => {
    let kept: Batch<AnalyticsRecord> | null = null;
    return (batch) => {
      if (kept) kept.at(0);
      kept = batch;
      return undefined;
    };
  }),
  sink("floods-log", () => () => {
    for (let i = 0; i < 10_000; i++) console.log(`line ${i}\nlevel=error message=forged`);
    return undefined;
  }),
  defineSink({
    type: "fatal-in-stop",
    config,
    batch: { records: 10 },
    async open({ config: { file } }) {
      return {
        async write() {
          writeFileSync(file, "");
          await sleep(500);
          throw new Fatal("no such table");
        },
      };
    },
  }),
  defineSink({
    type: "never-opens",
    config,
    async open() {
      throw new Retryable("nobody answers");
    },
  }),
  defineSink({
    type: "hangs-open",
    config,
    open: () => never,
  }),
  defineSink({
    type: "fatal-open",
    config,
    async open() {
      throw new Fatal("wrong password");
    },
  }),
];
