import { createServer, type Server } from "node:net";
import { expect, test } from "vitest";
import type { Batch } from "../record/types.ts";
import { Type } from "../schema/index.ts";
import { type Call, defineSink } from "../sink/definition.ts";
import { Retryable } from "../sink/errors.ts";
import { conformance, type FarEnd, formatConformance } from "./index.ts";

/** A far end in memory, and a sink that writes to it as `write` says. */
function sink(write: (far: Far, batch: Batch, call: Call) => Promise<void>, config = {}) {
  const far = new Far();
  const definition = defineSink({
    type: "kept",
    config: Type.Object({ token: Type.Optional(Type.String({ secret: true, description: "Token." })), ...config }),
    async open({ config: { token }, log }) {
      if (far.state === "down") throw new Retryable("nobody there");
      if (far.chatty) log.info(`token ${token}`);
      return { write: (batch, call) => write(far, batch, call) };
    },
  });
  const farEnd: FarEnd = {
    up: () => far.be("up"),
    down: () => far.be("down"),
    throttling: () => far.be("throttling"),
    silent: () => far.be("silent"),
    halfFailing: () => far.be("half"),
  };
  const options = { config: { token: "secret-token" }, readBack: () => far.paths, farEnd, patience: 1500 };
  return { far, run: () => conformance(definition, options) };
}

class Far {
  state = "up";
  chatty = false;
  paths: string[] = [];

  be(state: string): void {
    this.state = state;
  }

  async take(path: string, signal: AbortSignal): Promise<boolean> {
    if (this.state === "down" || this.state === "throttling") throw new Retryable(this.state);
    if (this.state === "silent")
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    if (this.state === "half" && this.paths.length % 2 === 1) {
      this.paths.push("");
      return false;
    }
    this.paths.push(path);
    return true;
  }
}

/** Says of each record what became of it. */
async function honest(far: Far, batch: Batch, call: Call): Promise<void> {
  let again = false;
  for (const record of batch) {
    if (await far.take(record.path, call.signal)) call.wrote(record);
    else again = true;
  }
  if (again) throw new Retryable("some were not taken");
}

function broken(report: Awaited<ReturnType<typeof conformance>>): string[] {
  return report.promises.filter(({ outcome }) => outcome === "broken").map(({ promise }) => promise);
}

test("an honest sink keeps all promises", async () => {
  const report = await sink(honest).run();
  expect(report.kept, formatConformance(report)).toBe(true);
  expect(report.promises.every(({ outcome }) => outcome === "kept")).toBe(true);
});

test("who writes later than he says loses records", async () => {
  const late = async (far: Far, batch: Batch) => {
    const paths = [...batch].map(({ path }) => path);
    setTimeout(() => far.paths.push(...paths), 300);
  };
  expect(broken(await sink(late).run())).toContain("writes records of the msgpack wire");
});

test("who gives up when nobody answers is found, and who ignores the deadline", async () => {
  const impatient = async (far: Far, batch: Batch, call: Call) => {
    for (const record of batch) {
      if (far.state === "silent") await new Promise(() => {});
      if (far.state === "up") far.paths.push(record.path);
      else call.reject(record, "not today");
    }
  };
  const { run } = sink(impatient);
  expect(broken(await run())).toEqual([
    "waits while its far end is down, and loses nothing",
    "waits while its far end is busy, and loses nothing",
    "tries again what its far end did not take, and only that",
    "heeds the deadline of a call",
  ]);
});

test("who repeats all of a request of which a part was taken is found", async () => {
  const careless = async (far: Far, batch: Batch, call: Call) => {
    let again = false;
    for (const { path } of batch) again = !(await far.take(path, call.signal)) || again;
    if (again) throw new Retryable("some were not taken");
  };
  expect(broken(await sink(careless).run())).toContain("tries again what its far end did not take, and only that");
});

test("who logs a secret or does not describe a setting is found", async () => {
  const { far, run } = sink(honest, { plain: Type.Optional(Type.String()) });
  far.chatty = true;
  expect(broken(await run())).toEqual(["describes every setting", "logs no secret"]);
});

test("who leaves something open is found", async () => {
  const servers: Server[] = [];
  const definition = defineSink({
    type: "open",
    config: Type.Object({}),
    async open() {
      servers.push(createServer().listen(0, "127.0.0.1"));
      return { write: async () => {} };
    },
  });
  const report = await conformance(definition, { config: {}, readBack: () => [], patience: 1500 });
  for (const server of servers) server.close();
  expect(broken(report)[0]).toBe("opens, and closes without anything left open");
});

test("the report has a line for each promise", async () => {
  const text = formatConformance(await sink(honest).run());
  expect(text).toMatch(
    /^kept: keeps its promises \(\d+ kept, 0 broken, 0 not tested\)\nok {3}describes every setting\n/,
  );
});

/** Keeps nothing but a total. */
function counting(most: number) {
  const far = { hits: 1000 };
  const definition = defineSink({
    type: "totals",
    config: Type.Object({}),
    reads: "uptime",
    gather: { ms: 100, records: 1000 },
    async open() {
      return {
        gather() {
          let hits = 0;
          return {
            add: (batch) => void (hits += Math.min(batch.size, most)),
            async flush() {
              far.hits += hits;
              hits = 0;
            },
          };
        },
      };
    },
  });
  return conformance(definition, { config: {}, readBack: () => far.hits, patience: 1500 });
}

test("a far end that adds up tells how many it has counted; uptime records are made for who reads them", async () => {
  const report = await counting(Number.POSITIVE_INFINITY);
  expect(report.kept, formatConformance(report)).toBe(true);
  expect(report.promises.map(({ promise }) => promise)).toContain("writes records of the uptime wire");
  const { promises } = await counting(20);
  const { outcome, why } = promises.find(({ promise }) => promise === "writes records of the uptime wire")!;
  expect([outcome, why]).toEqual(["broken", "5 of 25 records are not counted"]);
});

test("who forgets at a reload what it holds is found, and who stands alone is tried alone", async () => {
  const far: string[] = [];
  let owners = 0;
  const forgetful = defineSink({
    type: "forgetful",
    config: Type.Object({}),
    single: true,
    async open() {
      if (owners++ > 0) throw new Retryable("there is another");
      const held: string[] = [];
      return {
        async write(batch) {
          for (const { path } of batch) held.push(path);
          if (held.length > 8) far.push(...held.splice(0));
        },
        async close(reason) {
          owners = 0;
          if (reason !== "reload") far.push(...held);
        },
      };
    },
  });
  const report = await conformance(forgetful, { config: {}, readBack: () => far, patience: 1500 });
  expect(broken(report)).toContain("hands over to its next life when it is reloaded, each record once");
  expect(report.promises.find(({ why }) => why.includes("single"))).toMatchObject({ outcome: "not tested" });
});

test("without a far end to look at, nothing that needs one is said to be kept", async () => {
  const definition = defineSink({
    type: "discards",
    config: Type.Object({}),
    open: async () => ({ write: async () => {} }),
  });
  const report = await conformance(definition, { config: {} });
  expect(report.kept).toBe(true);
  const { outcome } = report.promises.find(({ promise }) => promise === "writes records of the msgpack wire")!;
  expect(outcome).toBe("not tested");
});
