/**
 * Writes `<chunks>` chunks of 500 records to standard output through the sink: `node lines.ts <config> <chunks> [stall]`. What became of
 * them goes to standard error. "stall": lets the deadline of a call pass first, as if nobody had read until then.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "@sluice/sdk/testing";
import stdout from "../index.ts";

const [config, chunks, stall] = process.argv.slice(2);
const tell = (text: string) => process.stderr.write(`${text}\n`);
try {
  const sink = await open(stdout, JSON.parse(config!));
  for (let chunk = 0; chunk < Number(chunks); chunk++) {
    sink.deliver(Array.from({ length: 500 }, (_, i) => ({ path: `/${chunk}/${i}`, userAgent: "x".repeat(500) })));
  }
  if (stall) {
    await sleep(300);
    await sink.clock.advance(60_000);
    await sink.retrying();
    tell(sink.waiting!.error!.message);
    await sink.clock.advance(30_000);
  }
  await sink.settled();
  await sink.close();
  tell(`settled ${sink.taken.written}`);
} catch (error) {
  tell((error as Error).message);
}
