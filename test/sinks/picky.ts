import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineSink, Fatal, Type } from "@sluice/sdk";
import { note } from "./ledger.ts";

/** Refuses poison while `<file>.strict` is there, and works no more while `<file>.broken` is. */
export default defineSink({
  type: "picky",
  config: Type.Object({ file: Type.String(), slowMs: Type.Optional(Type.Number()) }),
  batch: { records: 10 },
  async open({ config: { file, slowMs = 0 } }) {
    return {
      async write(batch, call) {
        if (existsSync(`${file}.broken`)) throw new Fatal("it is broken");
        const strict = existsSync(`${file}.strict`);
        for (const record of batch) if (strict && record.path === "/poison") call.reject(record, "no poison yet");
        const rest = batch.filter(({ path }) => !(strict && path === "/poison"));
        if (rest.size === 0) return;
        note(file, rest);
        // Written, and not yet known to be.
        if (slowMs > 0) await sleep(slowMs);
      },
    };
  },
});
