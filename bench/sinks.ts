import { writeFileSync } from "node:fs";
import { defineSink, Fatal, Retryable, Type } from "@sluice/sdk";

/** Sinks to measure with. Those that take records say at their end what they got, in `file`. */
const config = Type.Object({ file: Type.String({ default: "", path: "write" }) });

/** Adds up how many there were. */
const count = defineSink({
  type: "count",
  config,
  async open({ config: { file } }) {
    let records = 0;
    return {
      async write(batch) {
        records += batch.size;
      },
      async close() {
        writeFileSync(file, String(records));
      },
    };
  },
});

/** Notes how long ago each record was made, ms. */
const age = defineSink({
  type: "age",
  config,
  async open({ config: { file } }) {
    const ages: number[] = [];
    return {
      async write(batch) {
        const now = performance.timeOrigin + performance.now();
        for (const { timestamp } of batch) ages.push(now - timestamp.seconds * 1000 - timestamp.nanos / 1e6);
      },
      async close() {
        writeFileSync(file, ages.map((ms) => ms.toFixed(3)).join("\n"));
      },
    };
  },
});

const hangs = defineSink({
  type: "hangs",
  config,
  async open() {
    return { write: () => new Promise<void>(() => {}) };
  },
});

const fails = defineSink({
  type: "fails",
  config,
  async open() {
    return {
      async write() {
        throw new Retryable("the back end is down");
      },
    };
  },
});

const suspended = defineSink({
  type: "suspended",
  config,
  async open() {
    throw new Fatal("it is to be suspended");
  },
});

/** The same in a process of its own. */
const countApart = { ...count, type: "count-apart" };

export default [count, countApart, age, hangs, fails, suspended];
