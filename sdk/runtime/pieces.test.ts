import { expect, test } from "vitest";
import { defineSink, type GatherShape, Redeliver, Refused, Retryable, Type } from "../index.ts";
import { slabOf, type TestRecord } from "../testing/chunk.ts";
import { TestClock } from "../testing/index.ts";
import { NO_PREPARATION } from "../testing/prepare.ts";
import { type AnyDefinition, type FromThread, PROTOCOL, Runtime } from "./index.ts";

/** A runtime and what it says of each piece, as the supervisor sees it. */
class Thread {
  readonly clock = new TestClock();
  /** How far the wall clock was set, ms. */
  shift = 0;
  readonly said: FromThread[] = [];
  readonly #runtime: Runtime;
  readonly slabs = new Map<number, SharedArrayBuffer>();

  constructor(
    definition: unknown,
    limits: { records?: number; linger?: number; concurrency?: number; gather?: Partial<GatherShape> },
  ) {
    this.#runtime = new Runtime({
      clock: { now: () => this.clock.now() + this.shift, after: (ms, task) => this.clock.after(ms, task) },
      load: async () => definition as AnyDefinition,
      end: (reason) => {
        throw new Error(reason);
      },
      post: (message) => {
        this.said.push(message);
        if (message.t === "ready") {
          this.#runtime.receive({
            t: "open",
            limits: {
              batch: { records: limits.records ?? 1000, bytes: 4 << 20, linger: limits.linger ?? 0 },
              gather: { records: 1000, bytes: 1 << 30, ms: 1000, quiet: 1000, ...limits.gather },
              concurrency: limits.concurrency ?? 1,
              ms: { open: 30_000, write: 60_000, add: 10_000, flush: 60_000, grace: 5000 },
            },
            deadline: 0,
          });
        }
      },
    });
    this.#runtime.receive({
      t: "hello",
      api: [PROTOCOL, PROTOCOL],
      features: [],
      entry: "",
      sink: "s",
      type: "s",
      config: {},
      actor: 0,
      actors: 1,
      timeout: 0,
      prepare: NO_PREPARATION,
    });
  }

  /** Records [from, to) of a chunk, perhaps with one behind them that nobody can read; their paths are /<index>. */
  async send(
    seq: number,
    chunk: string,
    from: number,
    to: number,
    { alone = false, heard, unreadable = false }: { alone?: boolean; heard?: number; unreadable?: boolean } = {},
  ): Promise<void> {
    await this.clock.advance(0);
    const records: TestRecord[] = Array.from({ length: to - from }, (_, i) => ({ path: `/${from + i}` }));
    if (unreadable) records.push(new Uint8Array(1));
    const { slab, at, count } = slabOf(records, "msgpack");
    this.slabs.set(seq, slab);
    const part = {
      slab,
      at,
      slots: null,
      count,
      wire: "msgpack" as const,
      chunk,
      from,
      to: from + count,
      redelivered: false,
    };
    const all = this.said.filter(({ t }) => t === "returned").length;
    this.#runtime.receive({ t: "batch", seq, part, alone, heard: heard ?? all, keep: null });
    await this.clock.advance(0);
  }

  async drain(): Promise<void> {
    this.#runtime.receive({ t: "drain", reason: "stop", deadline: this.clock.now() + 10_000 });
    await this.clock.advance(0);
  }

  async close(): Promise<void> {
    this.#runtime.receive({ t: "close", reason: "stop", deadline: this.clock.now() + 3000 });
    await this.clock.advance(0);
  }

  /** What it told before a flush is stored. */
  async stored(id: number): Promise<void> {
    this.#runtime.receive({ t: "stored", id });
    await this.clock.advance(0);
  }

  rejecting() {
    return this.said.flatMap((message) =>
      message.t === "rejecting" ? { id: message.id, rejected: message.rejected } : [],
    );
  }

  revoke(seqs: number[]): void {
    this.#runtime.receive({ t: "revoke", seqs });
  }

  seqs(t: "settled" | "returned" | "release"): number[] {
    return this.said.flatMap((message) => (message.t === t ? message.seqs : []));
  }

  rejected() {
    return this.said.flatMap((message) => (message.t === "settled" ? message.rejected : []));
  }
}

/** A promise to be settled from outside. */
function gate(): { wait: Promise<void>; open: () => void } {
  let open = () => {};
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open };
}

test("a piece whose records are all written keeps its memory until the call that has it ends", async () => {
  const { wait, open } = gate();
  const later: string[] = [];
  const thread = new Thread(
    defineSink({
      type: "s",
      config: Type.Object({}),
      batch: { linger: 10 },
      async open() {
        return {
          async write(batch, call) {
            call.wrote(batch);
            await wait;
            for (const { path } of batch) later.push(path);
          },
        };
      },
    }),
    {},
  );
  await thread.send(1, "c", 0, 2);
  expect(thread.seqs("settled")).toEqual([]);
  open();
  await thread.clock.advance(0);
  expect(later).toEqual(["/0", "/1"]);
  expect(thread.seqs("settled")).toEqual([1]);
});

test("a piece that is to come again is not given back while another call reads it", async () => {
  const { wait, open } = gate();
  const read: string[] = [];
  const thread = new Thread(
    defineSink({
      type: "s",
      config: Type.Object({}),
      async open() {
        return {
          async write(batch) {
            if (batch.at(0).index === 0) {
              await wait;
              for (const { path } of batch) read.push(path);
            } else throw new Redeliver("another owner was faster");
          },
        };
      },
    }),
    { records: 2, concurrency: 2 },
  );
  await thread.send(1, "c", 0, 4);
  expect(thread.seqs("returned")).toEqual([]);
  open();
  await thread.clock.advance(0);
  expect(read).toEqual(["/0", "/1"]);
  expect(thread.seqs("returned")).toEqual([1]);
  expect(thread.seqs("settled")).toEqual([]);
});

test("a piece that was given back is not written by a call that waits for its next try", async () => {
  let calls = 0;
  const thread = new Thread(
    defineSink({
      type: "s",
      config: Type.Object({}),
      async open() {
        return {
          async write(batch) {
            calls++;
            if (batch.at(0).index === 0) throw new Retryable("not now");
            throw new Redeliver("another owner was faster");
          },
        };
      },
    }),
    { records: 2, concurrency: 2 },
  );
  await thread.send(1, "c", 0, 4);
  expect(thread.seqs("returned")).toEqual([1]);
  const before = calls;
  await thread.clock.advance(60_000);
  expect(calls).toBe(before);
});

interface Collecting {
  /** Of a gather's paths, ahead of their coming to `flushed`. */
  flush?(paths: readonly string[]): Promise<void> | void;
  add?(): Promise<void> | void;
  rejects?(path: string): boolean;
}

/** A gatherer that adds the paths of each gather to `flushed`. */
function collecting(flushed: string[], { flush, add, rejects }: Collecting) {
  return defineSink({
    type: "s",
    config: Type.Object({}),
    async open() {
      return {
        gather() {
          const paths: string[] = [];
          return {
            add(batch, call) {
              for (const record of batch) {
                if (rejects?.(record.path)) call.reject(record, "no");
                else paths.push(record.path);
              }
              return add?.();
            },
            async flush() {
              await flush?.(paths);
              flushed.push(...paths);
            },
          };
        },
      };
    },
  });
}

/** A gatherer whose first flush fails once `fail` is open. */
function gatherer(fail: { wait: Promise<void> }, flushed: string[], add: () => Promise<void> | void = () => {}) {
  let flushes = 0;
  return collecting(flushed, {
    add,
    async flush() {
      if (flushes++ > 0) return;
      await fail.wait;
      throw new Redeliver("another owner was faster");
    },
  });
}

// A sink that keeps a watermark takes what comes behind it for a repeat: a later piece must not overtake.
test("what follows a dropped gather's pieces in their chunk is not written ahead of them", async () => {
  const fail = gate();
  const flushed: string[] = [];
  const thread = new Thread(gatherer(fail, flushed), { gather: { records: 2 } });
  await thread.send(1, "c", 0, 2);
  await thread.send(2, "c", 2, 3);
  await thread.send(3, "other", 0, 1);
  await thread.send(4, "c", 3, 4);
  fail.open();
  await thread.clock.advance(0);
  expect(thread.seqs("returned").sort()).toEqual([1, 2, 3, 4]);
  // Sent before the supervisor heard of it.
  await thread.send(5, "c", 4, 6, { heard: 0 });
  expect(thread.seqs("returned")).toContain(5);
  await thread.send(6, "c", 0, 4);
  await thread.send(7, "c", 4, 6);
  await thread.clock.advance(5000);
  expect(flushed).toEqual(["/0", "/1", "/2", "/3", "/4", "/5"]);
  expect(thread.seqs("settled")).toEqual([6, 7]);
});

test("what is given back does not hold up what lies before it in its chunk: the two would go back by turns, for ever", async () => {
  const fail = gate();
  const flushed: string[] = [];
  const thread = new Thread(gatherer(fail, flushed), { gather: { records: 2 } });
  await thread.send(1, "c", 0, 2);
  fail.open();
  await thread.clock.advance(0);
  expect(thread.seqs("returned")).toEqual([1]);
  const heard = 1;
  await thread.send(2, "c", 4, 6, { heard: 0 });
  expect(thread.seqs("returned")).toEqual([1, 2]);
  // Sent before the supervisor heard that the last comes again as well.
  await thread.send(3, "c", 0, 2, { heard });
  await thread.send(4, "c", 2, 4, { heard });
  await thread.send(5, "c", 4, 6);
  await thread.clock.advance(5000);
  expect(thread.seqs("returned")).toEqual([1, 2]);
  expect(flushed).toEqual(["/0", "/1", "/2", "/3", "/4", "/5"]);
  expect(thread.seqs("settled")).toEqual([3, 4, 5]);
});

test("what follows in its chunk a batch that is to come again is not written ahead of it", async () => {
  const fail = gate();
  const written: string[] = [];
  let calls = 0;
  const thread = new Thread(
    defineSink({
      type: "s",
      config: Type.Object({}),
      async open() {
        return {
          async write(batch) {
            if (calls++ === 0) {
              await fail.wait;
              throw new Redeliver("another owner was faster");
            }
            for (const { path } of batch) written.push(path);
          },
        };
      },
    }),
    {},
  );
  await thread.send(1, "c", 0, 2);
  await thread.send(2, "c", 2, 3);
  await thread.send(3, "other", 9, 10);
  fail.open();
  await thread.clock.advance(0);
  await thread.send(4, "c", 3, 4, { heard: 0 });
  expect(thread.seqs("returned").sort()).toEqual([1, 2, 4]);
  await thread.send(5, "c", 0, 4);
  await thread.clock.advance(0);
  expect(written).toEqual(["/9", "/0", "/1", "/2", "/3"]);
});

test("a gather is dropped for a lost lease also when a batch is just being added", async () => {
  const adding = gate();
  const flushed: string[] = [];
  const thread = new Thread(
    gatherer(gate(), flushed, () => adding.wait),
    {},
  );
  await thread.send(1, "c", 0, 2);
  thread.revoke([1]);
  expect(thread.seqs("returned")).toEqual([]);
  adding.open();
  await thread.clock.advance(5000);
  expect(thread.seqs("returned")).toEqual([1]);
  expect(thread.seqs("release")).toEqual([]);
});

for (const kind of ["writer", "gatherer"] as const) {
  test(`a ${kind}'s refusals are not believed because it is stopped`, async () => {
    const refuse = async () => {
      throw new Refused("I take nothing");
    };
    const thread = new Thread(
      defineSink({
        type: "s",
        config: Type.Object({}),
        open: async () => (kind === "writer" ? { write: refuse } : { gather: () => ({ add() {}, flush: refuse }) }),
      }),
      { gather: { ms: 1 } },
    );
    await thread.send(1, "c", 0, 1, { alone: true });
    await thread.clock.advance(10);
    await thread.drain();
    expect(thread.said.at(-1)).toEqual({ t: "drained" });
    expect(thread.rejected()).toEqual([]);
    expect(thread.seqs("settled")).toEqual([]);
  });

  test(`a ${kind} waits no longer when the clock is set back`, async () => {
    let done = 0;
    const thread = new Thread(
      defineSink({
        type: "s",
        config: Type.Object({}),
        async open() {
          return kind === "writer"
            ? { write: async () => void done++ }
            : { gather: () => ({ add() {}, flush: async () => void done++ }) };
        },
      }),
      { linger: 1000, gather: { ms: 1000 } },
    );
    await thread.send(1, "c", 0, 1);
    thread.shift = -3_600_000;
    await thread.clock.advance(2000);
    expect(done).toBe(1);
  });
}

test("a record of a gather has a whole number", async () => {
  const thread = new Thread(
    defineSink({
      type: "s",
      config: Type.Object({}),
      async open() {
        return {
          gather: () => ({
            add() {},
            async flush(call) {
              expect(() => call.reject(0.5, "no")).toThrow(RangeError);
              call.reject(1, "no");
            },
          }),
        };
      },
    }),
    {},
  );
  await thread.send(1, "c", 0, 2);
  await thread.clock.advance(2000);
  expect(thread.rejected()).toEqual([{ seq: 1, index: 1, reason: "no" }]);
});

/** A gatherer that rejects each record whose path ends in 1; its first flushes fail so often. */
function picky(flushed: string[], failures = 0) {
  return collecting(flushed, {
    rejects: (path) => path.endsWith("1"),
    flush() {
      if (failures-- > 0) throw new Retryable("not now");
    },
  });
}

// A watermark that passed a record would hide it from whoever gets the chunk next.
test("a gather is flushed when what is rejected of it is stored, not before", async () => {
  const flushed: string[] = [];
  const thread = new Thread(picky(flushed, 1), {});
  await thread.send(1, "c", 0, 2, { unreadable: true });
  await thread.send(2, "d", 10, 13);
  await thread.clock.advance(60_000);
  expect(flushed).toEqual([]);
  const unreadable = { seq: 1, index: 2, reason: expect.any(String) };
  const rejected = [unreadable, { seq: 1, index: 1, reason: "no" }, { seq: 2, index: 11, reason: "no" }];
  expect(thread.rejecting()).toEqual([{ id: 1, rejected }]);
  await thread.stored(1);
  await thread.clock.advance(60_000);
  expect(flushed).toEqual(["/0", "/10", "/12"]);
  // Once, however often the flush is tried; and once more when it is done, with the counts.
  expect(thread.rejecting()).toHaveLength(1);
  expect(thread.rejected()).toEqual([unreadable, rejected[1], rejected[2]]);
  expect(thread.seqs("settled")).toEqual([1, 2]);
});

test("nor is it when all that was rejected is a piece of which nothing can be read; that alone is not flushed at all", async () => {
  const flushed: string[] = [];
  let flushes = 0;
  const thread = new Thread(collecting(flushed, { flush: () => void flushes++ }), {});
  await thread.send(1, "c", 0, 0, { unreadable: true });
  await thread.send(2, "c", 1, 3);
  await thread.clock.advance(60_000);
  expect(thread.rejecting()).toEqual([{ id: 1, rejected: [{ seq: 1, index: 0, reason: expect.any(String) }] }]);
  expect([flushed, thread.seqs("settled")]).toEqual([[], []]);
  await thread.stored(1);
  await thread.clock.advance(0);
  expect([flushed, thread.seqs("settled")]).toEqual([
    ["/1", "/2"],
    [1, 2],
  ]);
  await thread.send(3, "d", 0, 0, { unreadable: true });
  await thread.clock.advance(60_000);
  await thread.stored(2);
  await thread.clock.advance(0);
  expect([flushes, thread.seqs("settled")]).toEqual([1, [1, 2, 3]]);
});

test("a gather of which nothing is rejected waits for nobody", async () => {
  const flushed: string[] = [];
  const thread = new Thread(picky(flushed), {});
  await thread.send(1, "c", 2, 4);
  await thread.clock.advance(1000);
  expect(flushed).toEqual(["/2", "/3"]);
  expect(thread.rejecting()).toEqual([]);
});

test("a gather waits no longer once nothing has come for a while, and never longer than its time", async () => {
  const flushed: string[] = [];
  const thread = new Thread(picky(flushed), { gather: { ms: 4000, quiet: 1000 } });
  await thread.send(1, "c", 2, 3);
  await thread.clock.advance(999);
  expect(flushed).toEqual([]);
  await thread.clock.advance(1);
  expect(flushed).toEqual(["/2"]);
  for (let seq = 2; seq <= 10; seq++) {
    await thread.send(seq, "c", 20 + seq, 21 + seq);
    await thread.clock.advance(500);
  }
  // Four seconds of them, and the one behind.
  expect(flushed).toHaveLength(9);
  await thread.clock.advance(1000);
  expect(flushed).toHaveLength(10);
});

test("a gather that lost a lease while it waits comes again, and the answer to it is not taken for the next one's", async () => {
  const flushed: string[] = [];
  const thread = new Thread(picky(flushed), {});
  await thread.send(1, "c", 0, 2);
  await thread.send(2, "d", 2, 3);
  await thread.clock.advance(1000);
  await thread.send(3, "c", 2, 3);
  thread.revoke([2]);
  await thread.clock.advance(0);
  expect(thread.seqs("returned")).toEqual([1, 2, 3]);
  await thread.send(4, "c", 0, 3);
  await thread.clock.advance(1000);
  await thread.stored(1);
  expect(flushed).toEqual([]);
  await thread.stored(2);
  expect(flushed).toEqual(["/0", "/2"]);
  expect(thread.seqs("settled")).toEqual([4]);
});

/** A gatherer that refuses each gather with such a path in it, and all of them while it is at fault itself. */
function refusing(flushed: string[], refused: string, sink: { fails: boolean }) {
  return collecting(flushed, {
    flush(paths) {
      if (sink.fails || paths.includes(refused)) throw new Refused("no");
    },
  });
}

// What lies behind it may be written, the answer be lost, and the process end: the watermark has passed it by then.
test("a refused record without a verdict is stored before what lies behind it in its chunk is flushed", async () => {
  const flushed: string[] = [];
  const thread = new Thread(refusing(flushed, "/0", { fails: false }), { gather: { ms: 1 } });
  await thread.send(1, "c", 0, 1, { alone: true });
  await thread.clock.advance(1);
  await thread.send(2, "other", 5, 6);
  await thread.send(3, "c", 1, 2, { alone: true });
  await thread.clock.advance(1);
  const refused = { seq: 1, index: 0, reason: "Refused (SLUICE_SINK_REFUSED): no" };
  // Where another chunk passes first, it is believed by then.
  expect(flushed).toEqual(["/5", "/1"]);
  expect(thread.rejecting()).toEqual([]);
  expect(thread.rejected()).toEqual([refused]);
  const quiet = new Thread(refusing(flushed, "/0", { fails: false }), { gather: { ms: 1 } });
  await quiet.send(1, "c", 0, 1, { alone: true });
  await quiet.clock.advance(1);
  await quiet.send(2, "c", 1, 2, { alone: true });
  await quiet.clock.advance(1);
  expect(quiet.rejecting()).toEqual([{ id: 1, rejected: [refused] }]);
  expect(quiet.seqs("settled")).toEqual([]);
  await quiet.stored(1);
  expect(quiet.rejected()).toEqual([refused]);
  expect(quiet.seqs("settled")).toEqual([1, 2]);
});

test("what was stored in doubt is taken back when nothing passes: the sink itself is at fault", async () => {
  const flushed: string[] = [];
  const sink = { fails: true };
  const thread = new Thread(refusing(flushed, "", sink), { gather: { ms: 1 } });
  for (let seq = 1; seq <= 20; seq++) {
    await thread.send(seq, "c", seq - 1, seq, { alone: true });
    await thread.clock.advance(1);
    for (const { id } of thread.rejecting().slice(-1)) await thread.stored(id);
  }
  expect(thread.rejecting().at(-1)!.rejected).toHaveLength(19);
  const returned = thread.said.filter((message) => message.t === "returned");
  expect(returned.map(({ seqs, doubted }) => [seqs, doubted])).toEqual(
    Array.from({ length: 20 }, (_, i) => [[i + 1], true]),
  );
  expect(thread.said.at(-1)).toMatchObject({ t: "fatal" });
  expect(thread.seqs("settled")).toEqual([]);
});

test("a drain flushes what is stored in time, and gives the rest back", async () => {
  for (const answered of [true, false]) {
    const flushed: string[] = [];
    const thread = new Thread(picky(flushed), {});
    await thread.send(1, "c", 0, 2);
    if (!answered) await thread.clock.advance(1000);
    await thread.drain();
    expect(thread.said.at(-1)).toMatchObject({ t: "rejecting" });
    if (answered) await thread.stored(1);
    else await thread.clock.advance(5000);
    expect(thread.said).toContainEqual({ t: "drained" });
    expect(flushed).toEqual(answered ? ["/0"] : []);
    expect(thread.seqs("settled")).toEqual(answered ? [1] : []);
    expect(thread.seqs("returned")).toEqual(answered ? [] : [1]);
  }
});

test("what is begun late in a drain does not wait either", async () => {
  const slow = gate();
  const flushed: string[] = [];
  let flushes = 0;
  const thread = new Thread(
    defineSink({
      type: "s",
      config: Type.Object({}),
      async open() {
        return {
          gather: () => ({
            add(batch, call) {
              if (flushes > 0) call.reject(batch, "no");
            },
            async flush() {
              if (flushes++ === 0) await slow.wait;
              flushed.push("once");
            },
          }),
        };
      },
    }),
    {},
  );
  await thread.send(1, "c", 0, 1);
  await thread.clock.advance(1000);
  await thread.send(2, "c", 1, 2);
  await thread.drain();
  await thread.clock.advance(6000);
  slow.open();
  await thread.clock.advance(0);
  expect(thread.said.at(-1)).toEqual({ t: "drained" });
  expect(flushed).toEqual(["once"]);
  expect(thread.seqs("returned")).toEqual([2]);
  expect(thread.rejecting()).toEqual([]);
});

test("a gather that waits when the sink is closed is not flushed, whatever is stored later", async () => {
  const flushed: string[] = [];
  const thread = new Thread(picky(flushed), {});
  await thread.send(1, "c", 0, 2);
  await thread.clock.advance(1000);
  await thread.close();
  expect(thread.said.at(-1)).toEqual({ t: "closed" });
  await thread.stored(1);
  await thread.clock.advance(60_000);
  expect(flushed).toEqual([]);
  expect(thread.seqs("settled")).toEqual([]);
});
