import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type AnalyticsRecord, type Batch, defineSink, Refused, Retryable, Type } from "@sluice/sdk";
import { note } from "./ledger.ts";

/**
 * Does what the file `<file>.mode` says, a word and perhaps a number: up, down, slow <ms>, hang, garbage, unsure (it writes, and fails),
 * half, exit, throw, loop, leak. Without it, it works. Refuses the paths in `poison`.
 */
export default defineSink({
  type: "chaotic",
  config: Type.Object({
    file: Type.String(),
    delay: Type.Optional(Type.Number()),
    records: Type.Optional(Type.Number()),
    poison: Type.Optional(Type.Array(Type.String())),
  }),
  batch: ({ records = 1000 }) => ({ records }),
  async open({ config: { file, delay = 0, poison = [] } }) {
    const poisoned = new Set(poison);
    const mode = () => (existsSync(`${file}.mode`) ? readFileSync(`${file}.mode`, "utf8").split(" ") : ["up"]);
    return {
      async write(batch: Batch<AnalyticsRecord>, call) {
        const [word, number = "0"] = mode() as [string, string?];
        await sleep(word === "slow" ? Number(number) : delay);
        if (word === "down") throw new Retryable("connection refused");
        if (word === "garbage") throw new SyntaxError("Unexpected token <");
        if (word === "hang") await new Promise((_, reject) => call.signal.addEventListener("abort", reject));
        if (word === "exit") process.exit(3);
        if (word === "throw")
          setTimeout(() => {
            throw new TypeError("out of turn");
          });
        if (word === "throw") await sleep(60_000);
        while (word === "loop") for (;;);
        const kept: number[][] = [];
        while (word === "leak") kept.push(new Array(10_000).fill(Math.random()));
        for (const { path } of batch) if (poisoned.has(path)) throw new Refused("there is poison in it");
        const taken = word === "half" ? batch.slice(0, batch.size >> 1) : batch;
        if (taken.size > 0) note(file, taken);
        if (word === "unsure") note(`${file}.unsure`, taken);
        if (word === "unsure") throw new Retryable("socket hang up");
        if (word !== "half") return;
        if (taken.size > 0) call.wrote(taken);
        throw new Retryable("it took only a part");
      },
    };
  },
});
