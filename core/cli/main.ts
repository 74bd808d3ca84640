#!/usr/bin/env node
import "./check-runtime.js";
import { errorLine } from "./errors.ts";
import { holdHangups } from "./hangup.ts";

const args = process.argv.slice(2);
// What may become a pump reloads at a SIGHUP, once it runs.
if (/^(start\b|daemon run\b|-|$)/.test(args.slice(0, 2).join(" "))) holdHangups();

// A reader that goes away (`sluice --help | head -1`, a closed terminal) is no reason to stop delivering.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// Node would open its debugger; Tyk Pump ignores it.
process.on("SIGUSR1", () => {});

const fail = (error: unknown) => {
  process.stderr.write(`${errorLine(error, process.argv.includes("--debug"))}\n`);
  process.exit(1);
};
process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);

// Loaded only now: start-up is on the way to the first record.
const { runCommandLine } = await import("./program.ts");
process.exit(await runCommandLine(args));
