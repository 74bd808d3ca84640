/** The entry of an actor's thread: connects the runtime to its port. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { Runtime } from "@sluice/sdk/runtime";
import { loadDefinition } from "../plugins/load.ts";
import { ENDED_BY_RUNTIME } from "./exit-codes.ts";

const { port, files } = workerData as { port: MessagePort; files: { [path: string]: string } | null };
// The plugin's code sees neither: what it said there nobody would read, and it would pile up.
delete workerData.port;
parentPort?.close();

const runtime = new Runtime({
  post: (message) => port.postMessage(message),
  load: (entry, type) => loadDefinition(entry, type, files),
  end(reason) {
    port.postMessage({ t: "report", log: [{ level: "error", message: reason }], metrics: [], dropped: 0 });
    process.exit(ENDED_BY_RUNTIME);
  },
});
port.on("message", (message) => runtime.receive(message));
