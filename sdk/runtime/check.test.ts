import { expect, test } from "vitest";
import { defineSink, Fatal, Type } from "../index.ts";
import { NO_PREPARATION } from "../testing/prepare.ts";
import { type AnyDefinition, type FromThread, PROTOCOL, Runtime } from "./index.ts";

const MS = { open: 1000, write: 1000, add: 1000, flush: 1000, grace: 10 };
const LIMITS = {
  batch: { records: 1, bytes: 1, linger: 0 },
  gather: { records: 1, bytes: 1, ms: 1, quiet: 1 },
  concurrency: 1,
  ms: MS,
};

/** What a dry run of this sink answers. */
async function dryRun(definition: unknown): Promise<FromThread> {
  const { promise, resolve } = Promise.withResolvers<FromThread>();
  const runtime = new Runtime({
    post(message) {
      if (message.t === "ready") runtime.receive({ t: "open", limits: LIMITS, deadline: Date.now() + MS.open });
      else if (message.t === "checked") resolve(message);
    },
    load: async () => definition as AnyDefinition,
    end: (reason) => {
      throw new Error(reason);
    },
  });
  const plugin = { api: [PROTOCOL, PROTOCOL] as [number, number], features: [], entry: "", type: "t" };
  const place = { sink: "s", actor: 0, actors: 1, timeout: 0, config: { url: "x" }, prepare: NO_PREPARATION };
  runtime.receive({ t: "hello", ...plugin, ...place, dry: true });
  const answer = await promise;
  runtime.receive({ t: "close", reason: "stop", deadline: Date.now() });
  return answer;
}

const sink = {
  type: "t",
  config: Type.Object({ url: Type.String() }),
  open: () => Promise.reject(new Error("a dry run opened the sink")),
};

test("a dry run calls check, with the sink's context, and never opens", async () => {
  const definition = defineSink({ ...sink, check: async ({ config, name }) => `${name} at ${config.url}` });
  expect(await dryRun(definition)).toEqual({ t: "checked", seen: "s at x", error: null });
});

test("what check throws is the answer", async () => {
  const definition = defineSink({ ...sink, check: () => Promise.reject(new Fatal("wrong password")) });
  expect(await dryRun(definition)).toMatchObject({ seen: null, error: { code: "SLUICE_SINK_FATAL" } });
});

test("a sink without check is not tried", async () => {
  expect(await dryRun(defineSink(sink))).toEqual({ t: "checked", seen: null, error: null });
});
