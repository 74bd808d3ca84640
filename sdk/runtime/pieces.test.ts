import { expect, test } from "vitest";
import { defineSink, type GatherShape, Redeliver, Retryable, Type } from "../index.ts";
import { slabOf } from "../testing/chunk.ts";
import { TestClock } from "../testing/index.ts";
import { NO_PREPARATION } from "../testing/prepare.ts";
import { type AnyDefinition, type FromThread, PROTOCOL, Runtime } from "./index.ts";

/** A runtime and what it says of each piece, as the supervisor sees it. */
class Thread {
  readonly clock = new TestClock();
  readonly said: FromThread[] = [];
  readonly #runtime: Runtime;
  readonly slabs = new Map<number, SharedArrayBuffer>();

  constructor(definition: unknown, limits: { records?: number; concurrency?: number; gather?: Partial<GatherShape> }) {
    this.#runtime = new Runtime({
      clock: this.clock,
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
              batch: { records: limits.records ?? 1000, bytes: 4 << 20, linger: 0 },
              gather: { records: 1000, bytes: 1 << 30, ms: 1000, ...limits.gather },
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

  /** Records [from, to) of a chunk; their paths are /<index>. */
  async send(seq: number, chunk: string, from: number, to: number, alone = false): Promise<void> {
    await this.clock.advance(0);
    const records = Array.from({ length: to - from }, (_, i) => ({ path: `/${from + i}` }));
    const { slab, at, count } = slabOf(records, "msgpack");
    this.slabs.set(seq, slab);
    const part = { slab, at, count, wire: "msgpack" as const, chunk, from, to, redelivered: false };
    this.#runtime.receive({ t: "batch", seq, part, alone });
    await this.clock.advance(0);
  }

  async drain(): Promise<void> {
    this.#runtime.receive({ t: "drain", reason: "stop", deadline: this.clock.now() + 10_000 });
    await this.clock.advance(0);
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
