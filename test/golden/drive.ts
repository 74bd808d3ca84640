/**
 * Drives records through one sink in the real runtime: `node drive.ts '<job>' < records`, a process a job, since the zone and
 * standard output are the process's own. Records come as RESP commands (RPUSH), as Redis would be given them.
 */
import { readFileSync } from "node:fs";
import { open } from "@sluice/sdk/testing";
import { type Job, recordsOf } from "./job.ts";

const job: Job = JSON.parse(process.argv[2]!);
const { default: definition } = await import(`../../plugins/${job.plugin}/index.ts`);
const sink = await open(definition, job.config, { prepare: job.prepare });
const records = recordsOf(readFileSync(0));
const wire = job.wire;
for (let i = 0; i < records.length; i += 300) sink.deliver(records.slice(i, i + 300), { wire });
await sink.settled();
await sink.close();
if (sink.deadLetters().length > 0) throw new Error(`Dead letters: ${JSON.stringify(sink.deadLetters())}`);
