import { existsSync } from "node:fs";
import { defineSink, Retryable, Type } from "@sluice/sdk";
import { note } from "./ledger.ts";

/** Writes down what it is given while the file `<file>.open` is there; without it, it is a destination that is down. */
export default defineSink({
  type: "gated",
  config: Type.Object({ file: Type.String() }),
  async open({ config: { file } }) {
    return {
      async write(batch) {
        if (!existsSync(`${file}.open`)) throw new Retryable("the gate is closed");
        note(file, batch);
      },
    };
  },
});
