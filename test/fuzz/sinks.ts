import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kind, SinkDefinition, TSchema } from "@sluice/sdk";
import { createScanner, pageOf } from "@sluice/sdk/record";
import { type OpenSink, start } from "@sluice/sdk/testing";
import fc from "fast-check";
import csv from "../../plugins/csv/index.ts";
import prometheus from "../../plugins/prometheus/index.ts";
import sql from "../../plugins/sql/index.ts";
import { freePort } from "../support/redis.ts";
import type { Target } from "./harness.ts";
import { mutated } from "./mutate.ts";
import { originalsOf, type WireName } from "./records.ts";

interface Input {
  wire: WireName;
  records: Buffer[];
}

const MEMORY = "/dev/shm";
/** What a sink refuses on purpose. */
const SAID = /^its timestamp is not within the years 1 to 9999$/;
const PATIENCE_MS = 30_000;
/** The clock runs ahead of what really takes time. */
const HOUR_MS = 3_600_000;
const OPTIONS = { limits: { ms: { write: HOUR_MS, flush: HOUR_MS, add: HOUR_MS, open: HOUR_MS } } };
const input = (wire: WireName) =>
  fc.record({ wire: fc.constant(wire), records: fc.array(mutated(originalsOf(wire)), { minLength: 1, maxLength: 5 }) });

let folder = "";
let chunks = 0;
let open: OpenSink[] | null = null;
const scanner = createScanner({ generate: false });

/** The sinks that Sluice brings take whatever can be read: nothing but what cannot be becomes a dead letter, and none of them fails. */
export const sinksTarget: Target<Input> = {
  name: "sinks",
  share: 2,
  input: fc.oneof(input("msgpack"), input("protobuf"), input("uptime")),
  bytes: ({ records }) => Buffer.concat(records),
  async run({ wire, records }) {
    process.env.TZ = "UTC";
    open ??= await openAll();
    const { table, unreadable } = scanner.scan(pageOf(records, wire));
    table.release();
    const chunk = `chunk-${++chunks}`;
    const readers = open.filter(({ reads }) => (reads === "uptime") === (wire === "uptime"));
    await Promise.all(
      readers.map(async (sink) => {
        const before = sink.deadLetters().length;
        sink.deliver(records, { wire, chunk });
        await settle(sink);
        const letters = sink
          .deadLetters()
          .slice(before)
          .filter(({ reason }) => !SAID.test(reason));
        if (letters.length > unreadable.length)
          throw new Error(`${sink.type} gives up what can be read: ${letters.map(({ reason }) => reason).join("; ")}`);
      }),
    );
  },
  async end() {
    for (const sink of open ?? []) await sink.close();
    if (folder !== "") rmSync(folder, { recursive: true });
    open = null;
    folder = "";
  },
};

async function openAll(): Promise<OpenSink[]> {
  folder ||= mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "sluice-fuzz-"));
  const database = { type: "sqlite", connection_string: join(folder, "a.db") };
  const listen_address = `127.0.0.1:${await freePort()}`;
  const sinks = [
    start(csv, { csv_dir: join(folder, "csv") }, OPTIONS),
    start(prometheus, { listen_address, track_all_paths: true, max_series: 1000 }, OPTIONS),
    ...sql.map((definition) => start(definition as unknown as SinkDefinition<TSchema, Kind>, database, OPTIONS)),
  ];
  await Promise.all(sinks.map((sink) => sink.opened()));
  return sinks;
}

/** Moves the clock on until all is settled: a gather begins when it likes. What a sink waits for in earnest needs real time. */
async function settle(sink: OpenSink): Promise<void> {
  let done = false;
  const settled = sink.settled().finally(() => {
    done = true;
  });
  settled.catch(() => {});
  const end = performance.now() + PATIENCE_MS;
  while (!done && performance.now() < end) {
    await sink.clock.advance(250);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  if (!done) throw new Error(`${sink.type} does not settle: ${sink.waiting?.error?.message ?? "it waits for nothing"}`);
  return settled;
}
