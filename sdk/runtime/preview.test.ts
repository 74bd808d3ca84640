import { expect, test } from "vitest";
import { defineSink, Fatal, Type } from "../index.ts";
import { encodeMsgpack } from "../record/index.ts";
import { NO_PREPARATION } from "../testing/prepare.ts";
import { type AnyDefinition, type FromThread, PROTOCOL, Runtime } from "./index.ts";
import type { Prepare } from "./protocol.ts";

const LIMITS = {
  batch: { records: 1, bytes: 1, linger: 0 },
  gather: { records: 1, bytes: 1, ms: 1, quiet: 1 },
  concurrency: 1,
  ms: { open: 1000, write: 1000, add: 1000, flush: 1000, grace: 10 },
};

const RAWS = [encodeMsgpack({ apiId: "a", path: "/x" }), Buffer.from("no record"), encodeMsgpack({ apiId: "b" })];

/** What this sink answers for RAWS, whose chunk is "c" and whose first has the index 7. */
async function show(definition: unknown, prepare: Prepare = NO_PREPARATION): Promise<FromThread> {
  const { promise, resolve } = Promise.withResolvers<FromThread>();
  const runtime = new Runtime({
    post(message) {
      if (message.t === "ready") runtime.receive({ t: "open", limits: LIMITS, deadline: Date.now() + 1000 });
      else if (message.t === "previewed") resolve(message);
    },
    load: async () => definition as AnyDefinition,
    end: (reason) => {
      throw new Error(reason);
    },
  });
  const plugin = { api: [PROTOCOL, PROTOCOL] as [number, number], features: [], entry: "", type: "t" };
  const place = { sink: "s", actor: 0, actors: 1, timeout: 0, config: { mark: "!" }, prepare };
  const records = RAWS.map((raw, i) => ({ chunk: "c", index: 7 + i, raw: Buffer.from(raw).toString("base64") }));
  runtime.receive({ t: "hello", ...plugin, ...place, preview: { wire: "msgpack", records } });
  const answer = await promise;
  runtime.receive({ t: "close", reason: "stop", deadline: Date.now() });
  return answer;
}

const sink = {
  type: "t",
  config: Type.Object({ mark: Type.String() }),
  open: () => Promise.reject(new Error("a preview opened the sink")),
};

test("each record is shown alone, prepared, and as what it will be delivered as", async () => {
  const definition = defineSink({
    ...sink,
    preview:
      ({ config }) =>
      (batch) => {
        const { apiId, path, index, part } = batch.at(0);
        return batch.size === 1 ? `${apiId} ${path} ${part.chunk} ${index}${config.mark}` : "several";
      },
  });
  expect(await show(definition)).toEqual({ t: "previewed", texts: ["a /x c 7!", null, "b  c 9!"], error: null });
  const filters = { ...NO_PREPARATION.filters, skipApiIds: ["b"] };
  const prepare = { ...NO_PREPARATION, ignore: ["path"], filters };
  expect(await show(definition, prepare)).toMatchObject({ texts: ["a  c 7!", null, null] });
});

test("what it throws is the answer", async () => {
  const fails = () => {
    throw new Fatal("no such column");
  };
  const error = { code: "SLUICE_SINK_FATAL", message: "no such column" };
  expect(await show(defineSink({ ...sink, preview: fails }))).toMatchObject({ texts: null, error });
  expect(await show(defineSink({ ...sink, preview: () => fails }))).toMatchObject({ texts: null, error });
});

test("a sink without a preview shows nothing", async () => {
  expect(await show(defineSink(sink))).toEqual({ t: "previewed", texts: null, error: null });
});
