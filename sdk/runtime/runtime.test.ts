import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AnalyticsRecord,
  type Batch,
  type BatchShape,
  defineSink,
  Fatal,
  Refused,
  Retryable,
  Type,
} from "../index.ts";
import { type OpenSink, open } from "../testing/index.ts";

/** What a back end does with a record: takes it, refuses it each time (saying so or not), or fails so many times first. */
type Fate = "taken" | "refused" | "broken" | number;

/** A sink that treats each record as its path says, and counts what it wrote. */
function fateful(fates: readonly Fate[], written: Map<number, number>, shape: BatchShape, concurrency: number) {
  const failures = new Map<number, number>();
  return defineSink({
    type: "fateful",
    config: Type.Object({}),
    batch: shape,
    concurrency,
    async open() {
      return {
        async write(batch, call) {
          await Promise.resolve();
          expect(batch.size).toBeGreaterThan(0);
          expect(batch.size).toBeLessThanOrEqual(shape.records!);
          for (const record of batch) {
            const i = Number(record.path.slice(1));
            const fate = fates[i]!;
            if (fate === "refused") throw new Refused(`record ${i} is refused`);
            if (fate === "broken") throw new TypeError(`record ${i} is broken`);
            const failed = failures.get(i) ?? 0;
            // An error of unknown kind that comes three times is the record's own, when others pass.
            if (typeof fate === "number" && failed < (i % 2 ? fate : Math.min(fate, 2))) {
              failures.set(i, failed + 1);
              throw i % 2 ? new Retryable("not now") : new Error("something");
            }
            written.set(i, (written.get(i) ?? 0) + 1);
            call.wrote(record);
          }
        },
      };
    },
  });
}

function records(count: number, from = 0): { path: string }[] {
  return Array.from({ length: count }, (_, i) => ({ path: `/${from + i}` }));
}

/** Moves time on until all is settled; `traffic` brings another record now and then, as it does in life. */
async function finish(sink: OpenSink, traffic: () => void = () => {}): Promise<void> {
  let done = false;
  const settled = sink.settled().then(() => {
    done = true;
  });
  for (let i = 0; i < 5000 && !done; i++) {
    if (i % 100 === 99) traffic();
    await sink.clock.advance(1000);
  }
  if (!done) throw new Error("not settled after 5,000 s");
  await settled;
}

describe("a writer", () => {
  const fate = fc.oneof(
    { weight: 20, arbitrary: fc.constant<Fate>("taken") },
    { weight: 1, arbitrary: fc.constantFrom<Fate>("refused", "broken") },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }) },
  );

  test("every record is written once, or is a dead letter because it can never be written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fate, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(0, 50),
        async (chunks, most, concurrency, linger) => {
          const fates = chunks.flat();
          const written = new Map<number, number>();
          const sink = await open(fateful(fates, written, { records: most, linger }, concurrency), {});
          let first = 0;
          for (const chunk of chunks) {
            sink.deliver(records(chunk.length, first));
            first += chunk.length;
          }
          await finish(sink, () => {
            fates.push("taken");
            sink.deliver(records(1, fates.length - 1));
          });
          const bad = fates.flatMap((fate, i) => (fate === "refused" || fate === "broken" ? [i] : []));
          expect(
            sink
              .deadLetters()
              .map(({ reason }) => Number(/record (\d+)/.exec(reason)![1]))
              .sort((a, b) => a - b),
          ).toEqual(bad);
          expect([...written.keys()].sort((a, b) => a - b)).toEqual(
            fates.flatMap((fate, i) => (fate === "refused" || fate === "broken" ? [] : [i])),
          );
          expect([...written.values()].every((times) => times === 1)).toBe(true);
          expect(sink.taken.written + sink.deadLetters().length).toBe(fates.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("joins small chunks up to the batch and waits no longer than the linger", async () => {
    const sizes: number[] = [];
    const sink = await open(
      defineSink({
        type: "sizes",
        config: Type.Object({}),
        batch: { records: 100, linger: 1000 },
        open: async () => ({ write: async (batch) => void sizes.push(batch.size) }),
      }),
      {},
    );
    for (let i = 0; i < 30; i++) sink.deliver(records(7));
    await sink.clock.advance(10);
    expect(sizes).toEqual([100, 100]);
    await sink.clock.advance(1000);
    expect(sizes).toEqual([100, 100, 10]);
  });

  test("halves its batches where size is at fault, and grows back", async () => {
    const sizes: number[] = [];
    const sink = await open(
      defineSink({
        type: "small",
        config: Type.Object({}),
        batch: { records: 64 },
        open: async () => ({
          async write(batch) {
            if (batch.size > 20) throw new Refused("413");
            sizes.push(batch.size);
          },
        }),
      }),
      {},
    );
    for (let i = 0; i < 40; i++) sink.deliver(records(64));
    await finish(sink);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40 * 64);
    expect(sink.deadLetters()).toEqual([]);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(20);
    // Far fewer calls than if each batch had begun with 64.
    expect(sizes.length).toBeLessThan(40 * 5);
  });

  test("leaves a sink alone for as long as it asks", async () => {
    const at: number[] = [];
    const sink = await open(
      defineSink({
        type: "throttled",
        config: Type.Object({}),
        async open() {
          return {
            async write() {
              at.push(sink.clock.now());
              if (at.length === 1) throw new Retryable("429", { after: 120_000 });
            },
          };
        },
      }),
      {},
    );
    sink.deliver(records(10));
    await sink.retrying();
    await finish(sink);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(120_000);
  });

  test("a call that ignores its deadline and its signal ends the thread", async () => {
    const sink = await open(
      defineSink({ type: "deaf", config: Type.Object({}), open: async () => ({ write: () => new Promise(() => {}) }) }),
      {},
      { limits: { ms: { write: 1000, grace: 500 } } },
    );
    sink.deliver(records(1));
    const settled = sink.settled();
    settled.catch(() => {});
    await sink.clock.advance(2000);
    await expect(settled).rejects.toThrow(/neither finished by its deadline nor heeded its signal/);
  });

  test("what is said about another call's records, or too late, is an error of the plugin", async () => {
    let kept: { batch: Batch; call: { wrote(what: Batch): void } } | null = null;
    const errors: unknown[] = [];
    const sink = await open(
      defineSink({
        type: "late",
        config: Type.Object({}),
        async open() {
          return {
            async write(batch: Batch<AnalyticsRecord>, call) {
              for (const attempt of kept ? [() => kept!.call.wrote(batch), () => call.wrote(kept!.batch)] : []) {
                try {
                  attempt();
                } catch (error) {
                  errors.push(error);
                }
              }
              kept = { batch, call };
            },
          };
        },
      }),
      {},
    );
    sink.deliver(records(3));
    await sink.settled();
    sink.deliver(records(3));
    await sink.settled();
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toBeInstanceOf(Error);
  });
});

describe("a gatherer", () => {
  /** Counts what each flush wrote. */
  function gathering(
    flushed: number[][],
    fail: (flush: number, refs: readonly string[]) => void,
    shape = { records: 50, ms: 1000 },
  ) {
    let flushes = 0;
    return defineSink({
      type: "gathering",
      config: Type.Object({}),
      gather: shape,
      async open() {
        return {
          gather() {
            const paths: string[] = [];
            return {
              add(batch) {
                for (const record of batch) paths.push(record.path);
              },
              async flush() {
                fail(flushes++, paths);
                flushed.push(paths.map((path) => Number(path.slice(1))));
              },
            };
          },
        };
      },
    });
  }

  test("flushes by size, by time and at a drain; the same gather again after a failure", async () => {
    const flushed: number[][] = [];
    const sink = await open(
      gathering(flushed, (flush) => {
        if (flush === 0) throw new Retryable("busy");
      }),
      {},
    );
    for (let i = 0; i < 12; i++) sink.deliver(records(10, i * 10));
    await sink.clock.advance(60_000);
    await sink.settled();
    sink.deliver(records(5, 120));
    await sink.clock.advance(10);
    await sink.drain();
    expect(flushed.flat()).toEqual(Array.from({ length: 125 }, (_, i) => i));
    expect(Math.max(...flushed.map((paths) => paths.length))).toBeLessThanOrEqual(50);
    expect(sink.taken).toMatchObject({ written: 125 });
  });

  test("a Fatal flush suspends the sink, and nothing is settled", async () => {
    const sink = await open(
      gathering([], () => {
        throw new Fatal("no such table");
      }),
      {},
    );
    sink.deliver(records(60));
    await expect(sink.settled()).rejects.toThrow(/no such table/);
    expect(sink.taken.written).toBe(0);
  });
});
