// The file that a worker starts with: plain JavaScript, which turns the compile cache on before any types are to be stripped.
import module from "node:module";
import { workerData } from "node:worker_threads";

module.enableCompileCache?.(workerData.compileCache);
await import("./thread.ts");
// Node itself does so at an orderly exit only, and threads are ended otherwise.
module.flushCompileCache?.();
