/** A pump in this process whose sink has a process of its own; prints the folder once that runs. */
import { existsSync } from "node:fs";
import { TestPump, until } from "./pump.ts";
import { numbered } from "./records.ts";

const pump = new TestPump({ bad: { type: "good-too", module: "misbehaving.ts", plugin: { isolation: "process" } } });
await pump.start(numbered(10));
await pump.delivered("bad", 10);
await until(() => existsSync(`${pump.file("bad")}.pid`), "its process");
process.stdout.write(`${pump.file("bad")}.pid\n`);
