import { readAddress } from "../console/address.ts";
import { proxyTo } from "../console/proxy.ts";
import { startConsole } from "../console/server.ts";
import { newToken } from "../console/token.ts";
import type { InstanceOptions } from "./daemon.ts";
import { EXIT } from "./errors.ts";
import { whichPump } from "./instance.ts";
import { say } from "./plugin-folder.ts";
import { watchSignals } from "./signals.ts";

export interface ConsoleOptions extends InstanceOptions {
  port?: number;
}

/** `sluice console`: the address of the pump's own console; where it serves none, one of this process until a signal. */
export async function console(options: ConsoleOptions): Promise<number> {
  const tell = (url: string) => say(options.json ? JSON.stringify({ url }) : url);
  const which = whichPump(options);
  const { pid } = await which.client.about();
  const own = options.socket === undefined && options.port === undefined ? readAddress(which.instance) : null;
  // Of another process: it has ended, or is not the one that commands reach.
  if (own?.pid === pid) {
    tell(own.url);
    return EXIT.ok;
  }
  const socket = options.socket ?? which.instance.socket;
  const served = await startConsole({
    host: "127.0.0.1",
    port: options.port ?? 0,
    token: newToken(),
    api: proxyTo(socket),
  });
  tell(served.url);
  if (!options.json)
    say(`The console of ${which.name}, until Ctrl-C. Whoever has this address can do what you can with that pump.`);
  await watchSignals(say).received;
  await served.close();
  return EXIT.ok;
}
