#!/usr/bin/env node
// The installed command. Only the check is loaded before the TypeScript sources, which an old runtime cannot read.
import "./check-runtime.js";

await import("./main.ts");
