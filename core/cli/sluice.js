#!/usr/bin/env node
// The installed command. Only the check is loaded before the TypeScript sources, which an old runtime cannot read.
import "./check-runtime.js";
import { saveCompileCache } from "../compile-cache.js";
import { settle } from "./settle.js";

settle();

// Once everything has been loaded; a process that is killed would save nothing.
setTimeout(saveCompileCache, 5000).unref();
await import("./main.ts");
