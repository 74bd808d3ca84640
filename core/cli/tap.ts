import type { Tapped } from "../control/control.ts";
import type { InstanceOptions } from "./daemon.ts";
import { EXIT } from "./errors.ts";
import { plain, plainJson, plainLines } from "./format.ts";
import { whichPump } from "./instance.ts";
import { say } from "./plugin-folder.ts";

export interface TapOptions extends InstanceOptions {
  records: number;
}

/** `sluice tap <sink>`. */
export async function tap(sink: string, options: TapOptions): Promise<number> {
  let seen = 0;
  for await (const tapped of whichPump(options).client.tap(sink, options.records)) {
    seen++;
    if (options.json) say(JSON.stringify(tapped));
    else for (const line of report(tapped)) say(line);
  }
  if (seen < options.records && !options.json) say(`${seen === 0 ? "No records" : "No more records"} in ten seconds.`);
  return EXIT.ok;
}

function report({ chunk, index, taken, record, sends, failed }: Tapped): string[] {
  const place = chunk === "" ? `record ${index} of the live list` : `record ${index} of chunk ${plain(chunk)}`;
  if (record === null) return [`${place}: it cannot be decoded, and becomes a dead letter`];
  if (!taken) return [`${place}: left out by the sink's filters`, plainJson(record)];
  if (sends === null) return [`${place}: left out by the sink`, plainJson(record)];
  if (sends !== undefined) return [place, plainLines(sends.replace(/\n$/, ""))];
  const why = failed === undefined ? "" : `: the sink's plugin could not say what it would send (${plain(failed)})`;
  return [`${place}${why}`, plainJson(record)];
}
