import { MessageChannel, Worker } from "node:worker_threads";
import type { Body, MakeBody } from "./body.ts";
import { guardHeap, resourceLimits } from "./heap-guard.ts";
import { slabSender } from "./slab-sender.ts";

/** A port that does not close by itself is closed after this. */
const LAST_WORDS_MS = 1000;
const THREAD = new URL("./thread.js", import.meta.url);

/** A thread of this process, under the permission flags that its plugin was granted. */
export const workerBody: MakeBody = (name, { confinement, files }, heap, events): Body => {
  // A port of its own: the thread's public one is within the plugin's reach.
  const { port1: port, port2: remote } = new MessageChannel();
  const worker = new Worker(THREAD, {
    name,
    execArgv: [...confinement.flags, "--disable-warning=SecurityWarning"],
    env: confinement.env,
    stdout: true,
    stderr: true,
    resourceLimits: resourceLimits(heap),
    workerData: { port: remote, files, compileCache: confinement.compileCache },
    transferList: [remote],
  });
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => events.output(text));
  }
  port.on("message", events.message);
  port.on("messageerror", ({ message }: Error) =>
    events.failed({ kind: "crash", reason: `unreadable message: ${message}` }),
  );
  worker.on("error", (error) => events.failed(thrown(error)));
  const stopGuard = guardHeap(worker, heap, {
    sample: events.sample,
    exceeded: (reason) => events.failed({ kind: "memory", reason }),
  });
  // What it said before it ended comes first: the port closes after its last message.
  const gone = Promise.withResolvers<number>();
  const silent = Promise.withResolvers<void>();
  worker.on("exit", (code) => {
    stopGuard();
    gone.resolve(code);
    setTimeout(() => port.close(), LAST_WORDS_MS).unref();
  });
  port.on("close", silent.resolve);
  void silent.promise.then(() => gone.promise).then(events.exited);
  let loop: ReturnType<Worker["performance"]["eventLoopUtilization"]> | undefined;
  return {
    ...slabSender((message) => port.postMessage(message)),
    post: (message) => port.postMessage(message),
    kill: () => void worker.terminate(),
    async usage() {
      const { utilization } = worker.performance.eventLoopUtilization(loop);
      loop = worker.performance.eventLoopUtilization();
      const { user, system } = await worker.cpuUsage();
      return { cpuSeconds: (user + system) / 1e6, eventLoopUse: utilization };
    },
    async startCpuProfile() {
      const profile = await worker.startCpuProfile();
      return () => profile.stop();
    },
  };
};

function thrown(error: unknown) {
  const { name, code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { name: "", code: "", message: String(error) };
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return { kind: "memory", reason: "it ran out of heap" } as const;
  return { kind: "crash", reason: `${name || "thrown"}${code ? ` (${code})` : ""}: ${message}` } as const;
}
