// The process that is measured. As the installed command does, it starts from the compile cache.
import "../core/compile-cache.js";

await import("./pump-process.ts");
