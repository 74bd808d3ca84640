/**
 * Writes batches to a folder until it is killed: `node endless.ts <folder> <name> <pause ms>`. Prints the number of each batch once it is settled, and what
 * a call waits for. The paths of its records are /<name>/<batch>/<record>.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { open } from "@sluice/sdk/testing";
import csv from "../index.ts";

const RECORDS = 100;
const [folder, name, pause] = process.argv.slice(2);
const sink = await open(csv, { csv_dir: folder });
/** A cell of many lines and quotes, of varying size. */
const body = Buffer.from('{"a": "b, c"}\r\n'.repeat(8000));
for (let batch = 0; ; batch++) {
  sink.deliver(
    Array.from({ length: RECORDS }, (_, i) => ({
      path: `/${name}/${batch}/${i}`,
      rawRequest: body.subarray(0, (i * 7919) % body.length),
    })),
  );
  const outcome = await Promise.race([sink.settled().then(() => "settled"), sink.retrying().then(() => "waiting")]);
  if (outcome === "waiting") {
    process.stdout.write(`waiting ${sink.waiting?.error?.message}\n`);
    break;
  }
  process.stdout.write(`${batch}\n`);
  await sleep(Number(pause));
}
await sink.close();
