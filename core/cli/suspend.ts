import type { InstanceOptions } from "./daemon.ts";
import { EXIT } from "./errors.ts";
import { plain } from "./format.ts";
import { whichPump } from "./instance.ts";
import { say } from "./plugin-folder.ts";

/** `sluice suspend <sink>`: returns when the sink holds nothing any more. */
export async function suspend(sink: string, options: InstanceOptions): Promise<number> {
  await whichPump(options).client.suspend(sink);
  if (options.json) say(JSON.stringify({ suspended: sink }));
  else
    say(`${plain(sink)} is suspended: it gets nothing until "sluice resume ${plain(sink)}", or a restart of the pump.`);
  return EXIT.ok;
}

/** `sluice resume <sink>`. */
export async function resume(sink: string, options: InstanceOptions): Promise<number> {
  await whichPump(options).client.resume(sink);
  say(options.json ? JSON.stringify({ resumed: sink }) : `${plain(sink)} is resumed.`);
  return EXIT.ok;
}
