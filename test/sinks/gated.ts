import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineSink, Retryable, Type } from "@sluice/sdk";
import { note } from "./ledger.ts";

const LOOK_MS = 20;

/**
 * Writes down what it is given while the file `<file>.open` is there; without it, it is a destination that is down: one that
 * refuses, or with `hangs` one that does not answer.
 */
export default defineSink({
  type: "gated",
  config: Type.Object({ file: Type.String(), hangs: Type.Boolean({ default: false }) }),
  async open({ config: { file, hangs } }) {
    const isOpen = () => existsSync(`${file}.open`);
    return {
      async write(batch, { signal }) {
        while (hangs && !isOpen() && !signal.aborted) await sleep(LOOK_MS);
        if (!isOpen()) throw new Retryable("the gate is closed");
        note(file, batch);
      },
    };
  },
});
