import { expect, test } from "vitest";
import type { Batch } from "../record/types.ts";
import { Type } from "../schema/index.ts";
import { defineSink, type Gather } from "../sink/definition.ts";
import { Fatal, Refused, Retryable } from "../sink/errors.ts";
import { batch, open, SinkFailed, start } from "./index.ts";

/** Keeps paths; fails as the test wants. */
function writer(write: (batch: Batch) => void = () => {}) {
  const paths: string[] = [];
  const definition = defineSink({
    type: "kept",
    config: Type.Object({ prefix: Type.String({ default: "/" }) }),
    async open({ config, log }) {
      log.info(`prefix ${config.prefix}`);
      return {
        async write(batch) {
          write(batch);
          for (const record of batch) paths.push(`${record.id} ${record.path}`);
        },
      };
    },
  });
  return { definition, paths };
}

test("a batch of plain objects, in each wire format", () => {
  for (const wire of ["msgpack", "protobuf"] as const) {
    const [record] = batch([{ path: "/a", latencyTotal: 5, timestamp: new Date(5) }], { wire, chunk: "c" });
    expect([record!.path, record!.latencyTotal, record!.timestamp.ms, record!.id]).toEqual(["/a", 5, 5, "c.0"]);
  }
  expect(() => batch([Buffer.from("{}")])).toThrow("Record 0 cannot be read");
});

test("delivers, prepares, and tells what became of each record", async () => {
  const { definition, paths } = writer();
  const sink = await open(definition, {}, { prepare: { ignore: ["path"] } });
  sink.deliver([{ path: "/a" }, Buffer.from("{}")], { chunk: "c" });
  await sink.settled();
  await sink.close();
  expect(paths).toEqual(["c.0 "]);
  expect(sink.deadLetters()).toMatchObject([{ chunk: "c", index: 1 }]);
  expect(sink.taken.written).toBe(1);
  expect(sink.lines).toMatchObject([{ level: "info", message: "prefix /" }]);
});

test("a failure waits for the clock", async () => {
  let down = true;
  const { definition, paths } = writer(() => {
    if (down) throw new Retryable("down");
  });
  const sink = await open(definition, {});
  sink.deliver([{ path: "/a" }], { chunk: "c" });
  await sink.retrying();
  expect(sink.waiting?.error?.message).toBe("down");
  down = false;
  await sink.clock.advance(60_000);
  await sink.settled();
  expect([sink.waiting, paths]).toEqual([null, ["c.0 /a"]]);
});

test("a refused record becomes a dead letter", async () => {
  const { definition, paths } = writer((batch) => {
    for (const { path } of batch) if (path === "/bad") throw new Refused("bad");
  });
  const sink = await open(definition, {});
  sink.deliver([{ path: "/a" }, { path: "/bad" }, { path: "/b" }], { chunk: "c" });
  await sink.settled();
  expect(paths).toEqual(["c.0 /a", "c.2 /b"]);
  expect(sink.deadLetters()).toMatchObject([{ chunk: "c", index: 1, reason: expect.stringContaining("bad") }]);
});

test("Fatal rejects, in open and in a call; kill begins anew", async () => {
  let fatal = true;
  const { definition, paths } = writer(() => {
    if (fatal) throw new Fatal("wrong password");
  });
  const sink = start(definition, {});
  await sink.opened();
  sink.deliver([{ path: "/a" }], { chunk: "c" });
  await expect(sink.settled()).rejects.toThrow(SinkFailed);
  fatal = false;
  await sink.kill();
  await sink.settled();
  expect(paths).toEqual(["c.0 /a"]);
  const closed = { ...definition, open: () => Promise.reject(new Fatal("no such host")) };
  await expect(open(closed, {})).rejects.toThrow("open: no such host");
});

test("a gather that is killed before its flush comes again", async () => {
  const flushed: number[] = [];
  const parts: boolean[] = [];
  const definition = defineSink({
    type: "sum",
    config: Type.Object({}),
    gather: { ms: 2000 },
    async open() {
      return {
        gather(): Gather {
          let count = 0;
          return {
            add(batch) {
              count += batch.size;
              parts.push(...batch.parts.map((part) => part.redelivered));
            },
            async flush() {
              flushed.push(count);
            },
          };
        },
      };
    },
  });
  const sink = await open(definition, {});
  sink.deliver([{}, {}]);
  sink.deliver([{}]);
  await sink.clock.advance(1000);
  await sink.kill();
  await sink.clock.advance(2000);
  await sink.settled();
  expect([flushed, parts]).toEqual([[3], [false, false, true, true]]);
  sink.deliver([{}]);
  await sink.drain();
  expect(flushed).toEqual([3, 1]);
});

test("what comes while a gather is flushed joins the next one, however late that is", async () => {
  const flushed: number[] = [];
  let finish = () => {};
  const definition = defineSink({
    type: "slow",
    config: Type.Object({}),
    gather: { ms: 1000 },
    async open() {
      return {
        gather(): Gather {
          let count = 0;
          return {
            add(batch) {
              count += batch.size;
            },
            async flush() {
              await new Promise<void>((resolve) => {
                finish = resolve;
              });
              flushed.push(count);
            },
          };
        },
      };
    },
  });
  const sink = await open(definition, {});
  sink.deliver([{}]);
  await sink.clock.advance(1000);
  for (let i = 0; i < 3; i++) {
    sink.deliver([{}, {}]);
    await sink.clock.advance(1000);
  }
  finish();
  await sink.clock.advance(0);
  finish();
  await sink.settled();
  expect(flushed).toEqual([1, 6]);
});

test("what a gather rejected is a dead letter before it is flushed, and one if it comes again", async () => {
  let flushes = 0;
  const definition = defineSink({
    type: "picky",
    config: Type.Object({}),
    async open() {
      return {
        gather: (): Gather => ({
          add: (batch, call) => call.reject(batch.at(0), "no"),
          // The first has no end.
          flush: () => (flushes++ === 0 ? new Promise(() => {}) : Promise.resolve()),
        }),
      };
    },
  });
  const sink = await open(definition, {});
  sink.deliver([{}, {}], { chunk: "c" });
  await sink.clock.advance(2000);
  const letters = [{ chunk: "c", index: 0, reason: "no" }];
  expect([flushes, sink.deadLetters()]).toEqual([1, letters]);
  await sink.kill();
  await sink.clock.advance(2000);
  await sink.settled();
  expect([flushes, sink.deadLetters()]).toEqual([2, letters]);
});

test("a record that a flush refuses is found in halves, and all is settled only then", async () => {
  const flushed: string[] = [];
  const definition = defineSink({
    type: "refusing",
    config: Type.Object({}),
    gather: { ms: 1000 },
    open: async () => ({
      gather(): Gather {
        const paths: string[] = [];
        return {
          add(batch) {
            for (const { path } of batch) paths.push(path);
          },
          async flush() {
            if (paths.includes("/bad")) throw new Refused("bad");
            flushed.push(...paths);
          },
        };
      },
    }),
  });
  const sink = await open(definition, {});
  sink.deliver(["/a", "/b", "/bad", "/c", "/d"].map((path) => ({ path })));
  sink.deliver([{ path: "/e" }]);
  let settled = false;
  const end = sink.settled().then(() => {
    settled = true;
  });
  while (!settled) {
    await sink.clock.advance(1000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await end;
  expect(flushed.sort()).toEqual(["/a", "/b", "/c", "/d", "/e"]);
  expect(sink.deadLetters()).toMatchObject([{ chunk: "chunk-1", index: 2 }]);
  await sink.close();
});
