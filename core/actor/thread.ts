/** The entry of an actor's thread: connects the runtime to the port, and loads the plugin. */
import { parentPort } from "node:worker_threads";
import type { AnyDefinition } from "@sluice/sdk/runtime";
import { Runtime } from "@sluice/sdk/runtime";
import { ENDED_BY_RUNTIME } from "./exit-codes.ts";

const port = parentPort;
if (!port) throw new Error("core/actor/thread.ts runs in a worker thread only");

const runtime = new Runtime({
  post: (message) => port.postMessage(message),
  load,
  end(reason) {
    port.postMessage({ t: "report", log: [{ level: "error", message: reason }], metrics: [], dropped: 0 });
    process.exit(ENDED_BY_RUNTIME);
  },
});
port.on("message", (message) => runtime.receive(message));

async function load(entry: string, type: string): Promise<AnyDefinition> {
  const exported: unknown = (await import(entry)).default;
  const definitions = Array.isArray(exported) ? exported : [exported];
  const found = definitions.find((definition) => definition?.type === type);
  if (!found) throw new TypeError(`the plugin's entry exports no sink of type "${type}" by default`);
  if (typeof found.open !== "function") throw new TypeError(`the sink "${type}" has no open()`);
  return found;
}
