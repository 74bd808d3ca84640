import { setTimeout as sleep } from "node:timers/promises";
import { defineSink, Retryable, Type } from "@sluice/sdk";

/** Sinks that use up their time, each in one known way. */
const config = Type.Object({ file: Type.String(), ms: Type.Optional(Type.Number()) });
const USUAL_MS = 20;

/** Stands out in a profile. It calls itself: V8 would inline a small function, and then only its caller were seen. */
function burnInThePlugin(n: number): number {
  return n < 2 ? n : burnInThePlugin(n - 1) + burnInThePlugin(n - 2);
}

function burnFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; ) burnInThePlugin(20);
}

const burns = defineSink({
  type: "burns",
  config,
  async open({ config: { ms = USUAL_MS } }) {
    return {
      async write() {
        burnFor(ms);
      },
    };
  },
});

const waits = defineSink({
  type: "waits",
  config,
  async open({ config: { ms = USUAL_MS } }) {
    return {
      async write() {
        await sleep(ms);
      },
    };
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

/** Holds its thread without an end at the first batch. */
const hangs = defineSink({
  type: "hangs",
  config,
  async open() {
    return {
      async write() {
        burnFor(Number.POSITIVE_INFINITY);
      },
    };
  },
});

export default [burns, waits, fails, hangs];
