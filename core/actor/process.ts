/** The entry of an actor's process: connects the runtime to the pipe at file descriptor 3. */
import { Socket } from "node:net";
import { getHeapStatistics } from "node:v8";
import { Runtime, type ToThread } from "@sluice/sdk/runtime";
import type { FileHashes } from "../plugins/files.ts";
import { loadDefinition } from "../plugins/load.ts";
import { ENDED_BY_RUNTIME } from "./exit-codes.ts";
import { frameReader, writeFrame } from "./frames.ts";
import { Memory } from "./memory.ts";
import type { Vitals } from "./process-body.ts";
import { createSampler } from "./sampler.ts";

const VITALS_MS = 1000;
const LARGEST_MESSAGE = 64 * 2 ** 20;

let files: FileHashes | null = null;
const memory = new Memory();
const sampler = createSampler();

const reader = frameReader(LARGEST_MESSAGE, {
  memory: (bytes) => memory.take(bytes),
  message(said, bytes) {
    const message = said as ToThread | { t: "begin"; files: FileHashes | null } | { t: "sample"; on: boolean };
    if (message.t === "sample") {
      writeFrame(pipe, sampler(message.on));
      return;
    }
    if (message.t === "begin") {
      files = message.files;
      return;
    }
    if (message.t === "batch" && bytes) {
      memory.lend(message.seq, bytes);
      // The runtime only reads it, and does not ask who else could.
      message.part.slab = bytes.buffer as unknown as SharedArrayBuffer;
    }
    runtime.receive(message);
  },
  fault: () => process.exit(1),
});
const pipe = new Socket({ fd: 3, readable: true, writable: true, onread: reader.onread });
// Whoever started it is gone.
pipe.on("end", () => process.exit(0)).on("error", () => process.exit(0));

const runtime = new Runtime({
  post(message) {
    writeFrame(pipe, message);
    if (message.t === "release" || message.t === "settled" || message.t === "returned") memory.giveBack(message.seqs);
  },
  load: (entry, type) => loadDefinition(entry, type, files),
  end(reason) {
    writeFrame(pipe, { t: "report", log: [{ level: "error", message: reason }], metrics: [], dropped: 0 });
    pipe.end(() => process.exit(ENDED_BY_RUNTIME));
  },
});

let loop = performance.eventLoopUtilization();
setInterval(() => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  const { user, system } = process.cpuUsage();
  const { utilization: eventLoopUse } = performance.eventLoopUtilization(loop);
  loop = performance.eventLoopUtilization();
  const vitals: Vitals = { t: "vitals", heap, external, cpuSeconds: (user + system) / 1e6, eventLoopUse };
  writeFrame(pipe, vitals);
}, VITALS_MS);
