/**
 * Writes `<chunks>` chunks of 500 records to standard output through the sink: `node lines.ts <config> <chunks> [<file>]`. What became of
 * them goes to standard error. With a file: nobody reads until it is there; it is made once the deadline of a call has passed.
 */
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "@sluice/sdk/testing";
import stdout from "../index.ts";

const [config, chunks, late] = process.argv.slice(2);
const tell = (text: string) => process.stderr.write(`${text}\n`);
try {
  const sink = await open(stdout, JSON.parse(config!));
  for (let chunk = 0; chunk < Number(chunks); chunk++) {
    sink.deliver(Array.from({ length: 500 }, (_, i) => ({ path: `/${chunk}/${i}`, userAgent: "x".repeat(500) })));
  }
  if (late) {
    await sleep(300);
    await sink.clock.advance(60_000);
    await sink.retrying();
    tell(sink.waiting!.error!.message);
    writeFileSync(late, "");
    await sink.clock.advance(30_000);
  }
  await sink.settled();
  await sink.close();
  tell(`settled ${sink.taken.written}`);
} catch (error) {
  tell((error as Error).message);
}
