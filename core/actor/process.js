// The file that an actor's process starts with; as thread.js, but for a process.
import module from "node:module";

module.enableCompileCache?.(process.argv[2]);
await import("./process.ts");
module.flushCompileCache?.();
