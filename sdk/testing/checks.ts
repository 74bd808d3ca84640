import { schemaOf } from "../record/fields.ts";
import type { Kind, Wire } from "../record/types.ts";
import type { Bench } from "./bench.ts";
import type { FarEnd } from "./conformance.ts";
import type { OpenSink } from "./sink.ts";

export interface Check {
  promise: string;
  needs?: (keyof FarEnd)[];
  /** Only of sinks that read these; default both. */
  kind?: Kind;
  /** Throws where the promise is broken; a text as the answer: why it cannot be tested. */
  run(bench: Bench): Promise<unknown>;
}

/** Not UTF-8, as a Go string may be. */
const NOT_UTF8 = Uint8Array.of(0x2f, 0xff, 0xfe, 0xc3, 0x28);
/** Steps of the event loop at which a sink is killed. */
const KILLS = [0, 1, 2, 3, 5, 8, 13, 21];

/** What a sink of such records must stand. */
export function checksFor(reads: Kind): readonly Check[] {
  return CHECKS.filter(({ kind = reads }) => kind === reads);
}

const WIRES: readonly (readonly [Wire, Kind])[] = [
  ["msgpack", "analytics"],
  ["protobuf", "analytics"],
  ["uptime", "uptime"],
];

const CHECKS: readonly Check[] = [
  {
    promise: "describes every setting",
    async run({ schema }) {
      const silent = Object.entries(schema.properties ?? {}).filter(([, { description }]) => !description);
      if (silent.length > 0) throw new Error(`no description of ${silent.map(([key]) => key).join(", ")}`);
    },
  },
  {
    promise: "opens, and closes without anything left open",
    async run(bench) {
      const before = handles();
      const sink = await bench.open();
      await sink.close();
      // What was closed is gone a moment later.
      for (let i = 0; i < 50 && more(before, handles()).length > 0; i++) await turns(5);
      const left = more(before, handles());
      if (left.length > 0) throw new Error(`still open after close(): ${left.join(", ")}`);
    },
  },
  ...WIRES.map(([wire, kind]) => ({
    promise: `writes records of the ${wire} wire`,
    kind,
    run: (bench: Bench) => writes(bench, 25, (sink, records) => sink.deliver(records, { chunk: bench.chunk(), wire })),
  })),
  {
    promise: "writes many chunks, in whatever batches they come",
    run: (bench) =>
      writes(bench, 300, (sink, records) => {
        for (let at = 0; at < records.length; ) {
          const size = 1 + ((at * 7) % 40);
          sink.deliver(records.slice(at, at + size), { chunk: bench.chunk() });
          at += size;
        }
      }),
  },
  {
    promise: "takes a record in which nothing is set",
    async run(bench) {
      const sink = await bench.open();
      sink.deliver([{}], { chunk: bench.chunk() });
      await bench.settled(sink);
    },
  },
  {
    promise: "takes a record of a megabyte",
    run(bench) {
      const large = "x".repeat(1 << 20);
      return writes(bench, 3, deliver(bench), bench.reads === "uptime" ? { apiId: large } : { rawResponse: large });
    },
  },
  {
    promise: "takes texts that are not UTF-8",
    run(bench) {
      const texts = { userAgent: NOT_UTF8, alias: NOT_UTF8, rawRequest: NOT_UTF8 };
      return writes(bench, 3, deliver(bench), bench.reads === "uptime" ? { apiId: NOT_UTF8 } : texts);
    },
  },
  {
    promise: "takes records of which every field is blanked",
    kind: "analytics",
    async run(bench) {
      const ignore = schemaOf("analytics").root.children.map(({ json }) => json);
      const sink = await bench.open({ prepare: { ignore } });
      sink.deliver(bench.records(3).records, { chunk: bench.chunk() });
      await bench.settled(sink);
    },
  },
  {
    promise: "loses nothing to a record that cannot be read",
    async run(bench) {
      const sink = await bench.open();
      const { paths, records } = bench.records(10);
      sink.deliver([...records.slice(0, 5), Buffer.from("{}"), ...records.slice(5)], { chunk: bench.chunk() });
      await bench.settled(sink);
      await sink.drain();
      await bench.expect(paths);
      if (sink.deadLetters().length !== 1) throw new Error(`${sink.deadLetters().length} dead letters in place of one`);
    },
  },
  {
    promise: "keeps what is said to be written when it is killed, and writes the rest afterwards",
    async run(bench) {
      const all: string[] = [];
      for (const steps of KILLS) {
        const sink = await bench.open();
        const { paths, records } = bench.records(12);
        all.push(...paths);
        for (let at = 0; at < 12; at += 4) sink.deliver(records.slice(at, at + 4), { chunk: bench.chunk() });
        await sink.clock.advance(steps * 100);
        await turns(steps);
        await bench.kill(sink);
        await bench.settled(sink);
        await sink.drain();
        await bench.close(sink);
      }
      await bench.expect(all, { repeated: true });
    },
  },
  {
    promise: "hands over to its next life when it is reloaded, each record once",
    async run(bench) {
      const { paths, records } = bench.records(40);
      const sink = await bench.open();
      for (const [reload, steps] of [0, 1, 3].entries()) {
        const of = records.slice(reload * 12, reload * 12 + 12);
        for (let at = 0; at < 12; at += 4) sink.deliver(of.slice(at, at + 4), { chunk: bench.chunk() });
        await turns(steps);
        await bench.reload(sink);
      }
      sink.deliver(records.slice(36), { chunk: bench.chunk() });
      await bench.settled(sink);
      await bench.close(sink);
      const letters = sink.deadLetters();
      if (letters.length > 0) throw new Error(`${letters.length} records became dead letters: ${letters[0]!.reason}`);
      await bench.expect(paths);
    },
  },
  {
    promise: "takes records again in other pieces",
    async run(bench) {
      const { paths, records } = bench.records(10);
      const chunk = bench.chunk();
      const first = await bench.open();
      first.deliver(records.slice(0, 6), { chunk });
      await bench.settled(first);
      await bench.close(first);
      const second = await bench.open();
      second.deliver(records.slice(0, 3), { chunk, redelivered: true });
      second.deliver(records.slice(3), { chunk, from: 3, redelivered: true });
      await bench.settled(second);
      await bench.expect(paths, { repeated: true });
    },
  },
  {
    promise: "works beside another owner of the same records",
    async run(bench) {
      if (bench.single) return "it stands alone: `single` is true";
      const { paths, records } = bench.records(10);
      const chunk = bench.chunk();
      const sinks = [await bench.open({ actors: 2 }), await bench.open({ actor: 1, actors: 2 })];
      for (const [i, sink] of sinks.entries()) sink.deliver(records, { chunk, redelivered: i > 0 });
      await Promise.all(sinks.map((sink) => bench.settled(sink)));
      return bench.expect(paths, { repeated: true });
    },
  },
  {
    promise: "writes what it holds when it is stopped",
    async run(bench) {
      const { paths, records } = bench.records(20);
      const sink = await bench.open();
      const chunks = [0, 5, 10, 15].map((at) => records.slice(at, at + 5));
      for (const chunk of chunks) sink.deliver(chunk, { chunk: bench.chunk() });
      await bench.until(sink, sink.drain());
      const { written, skipped } = sink.taken;
      await bench.close(sink);
      const there = await bench.count(paths);
      if (there + skipped < written)
        throw new Error(`it said that ${written} records are written, and ${there} are there`);
    },
  },
  {
    promise: "waits while its far end is down, and loses nothing",
    needs: ["down", "up"],
    run: (bench) => outlasts(bench, "down"),
  },
  {
    promise: "waits while its far end is busy, and loses nothing",
    needs: ["throttling", "up"],
    run: (bench) => outlasts(bench, "throttling"),
  },
  {
    promise: "tries again what its far end did not take, and only that",
    needs: ["halfFailing", "up"],
    run: (bench) => outlasts(bench, "halfFailing"),
  },
  {
    promise: "opens once its far end is there",
    needs: ["down", "up"],
    async run(bench) {
      await bench.options.farEnd!.down!();
      const sink = bench.start();
      await Promise.race([sink.retrying(), sink.opened()]);
      await bench.options.farEnd!.up!();
      await bench.until(sink, sink.opened());
    },
  },
  {
    promise: "heeds the deadline of a call",
    needs: ["silent", "up"],
    async run(bench) {
      const sink = await bench.open({ limits: { ms: { write: 1000, flush: 1000 } } });
      await bench.options.farEnd!.silent!();
      const { paths, records } = bench.records(5);
      sink.deliver(records, { chunk: bench.chunk() });
      // Up to the call, past its deadline, and not past the grace.
      await turns(20);
      await sink.clock.advance(5000);
      await sink.retrying();
      await bench.options.farEnd!.up!();
      await bench.settled(sink);
      await bench.expect(paths, { repeated: true });
    },
  },
  {
    promise: "logs no secret",
    async run(bench) {
      const secrets = secretsIn(bench);
      if (secrets.length === 0) return "no secret is configured";
      const sink = await bench.open();
      sink.deliver(bench.records(3).records, { chunk: bench.chunk() });
      await bench.settled(sink);
      await bench.close(sink);
      const line = sink.lines.find((one) => secrets.some((secret) => JSON.stringify(one).includes(secret)));
      if (line)
        throw new Error(`it logged one: ${line.level} line that begins ${JSON.stringify(line.message.slice(0, 20))}`);
    },
  },
];

/** All of `count` records are written, each once. */
async function writes(
  bench: Bench,
  count: number,
  hand: (sink: OpenSink, records: ReturnType<Bench["records"]>["records"]) => void,
  more: object = {},
): Promise<void> {
  const sink = await bench.open();
  const { paths, records } = bench.records(count, more);
  hand(sink, records);
  await bench.settled(sink);
  const letters = sink.deadLetters();
  if (letters.length > 0) throw new Error(`${letters.length} records became dead letters: ${letters[0]!.reason}`);
  await bench.expect(paths);
}

function deliver(bench: Bench) {
  return (sink: OpenSink, records: ReturnType<Bench["records"]>["records"]) =>
    sink.deliver(records, { chunk: bench.chunk() });
}

/** Nothing is lost or given up while the far end is in this state; all is written after it. */
async function outlasts(bench: Bench, state: "down" | "throttling" | "halfFailing"): Promise<void> {
  const sink = await bench.open();
  await bench.options.farEnd![state]!();
  const { paths, records } = bench.records(10);
  sink.deliver(records, { chunk: bench.chunk() });
  await Promise.race([bench.until(sink, sink.retrying()), bench.settled(sink)]);
  const letters = sink.deadLetters();
  if (letters.length > 0) throw new Error(`${letters.length} records were given up: ${letters[0]!.reason}`);
  await bench.options.farEnd!.up!();
  await bench.settled(sink);
  await bench.expect(paths, { repeated: state === "down" });
}

function secretsIn({ schema, options }: Bench): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, { secret }]) => {
    const value = (options.config as { [key: string]: unknown })[key];
    return secret && typeof value === "string" && value.length >= 4 ? [value] : [];
  });
}

/** What a sink might forget to close. Timers and files may be those of others. */
const COUNTED = /^(TCP|TLS|Pipe|UDP|FSEvent|StatWatcher|Process|Worker|MessagePort)/;

function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (COUNTED.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function more(before: Map<string, number>, after: Map<string, number>): string[] {
  return [...after].flatMap(([kind, count]) => (count > (before.get(kind) ?? 0) ? [kind] : []));
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}
