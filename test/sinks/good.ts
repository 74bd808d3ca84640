import { setTimeout as sleep } from "node:timers/promises";
import { defineSink, Type } from "@sluice/sdk";
import { note } from "./ledger.ts";

/** A sink that works, as fast or as slow as it is told. */
export default defineSink({
  type: "good",
  config: Type.Object({ file: Type.String(), delay: Type.Optional(Type.Number()) }),
  async open({ config }) {
    return {
      async write(batch) {
        if (config.delay) await sleep(config.delay);
        note(config.file, batch);
      },
    };
  },
});
