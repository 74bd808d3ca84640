import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BatchShape } from "@sluice/sdk";
import csv from "../../../plugins/csv/index.ts";
import { CouldNotRun } from "../../support/could-not-run.ts";
import { csvFiles } from "../../support/csv.ts";
import { arrivals, numbersIn } from "../../support/gateway.ts";
import { creditOf } from "./credit.ts";
import { loadedSink, type Plugin } from "./plugin.ts";

const DISK_BYTES = 48 << 20;

/** CSV files of all instances on one small disk, which is full at times. */
export function startCsv(folder: string, instances: number): Plugin {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "none", disk]);
  if (status !== 0) throw new CouldNotRun(`a small file system cannot be mounted: ${error?.message ?? String(stderr)}`);
  const folders = Array.from({ length: instances }, (_, i) => join(disk, String(i)));
  for (const each of folders) mkdirSync(each);
  return {
    name: "csv",
    sink: (i) => loadedSink(folder, "csv", { csv_dir: folders[i] }, 2),
    async happen(event) {
      const ballast = join(disk, "ballast");
      try {
        writeFileSync(ballast, Buffer.alloc(DISK_BYTES));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
      await sleep("ms" in event ? event.ms : 0);
      rmSync(ballast, { force: true });
    },
    async verdict({ given, doubtful }, { faults, renamed }) {
      let numbers: number[];
      // Made and not written to: a kill, or a full disk, came between the two, and nothing was to be written there since.
      for (const file of folders.flatMap(csvFiles)) if (statSync(file).size === 0) rmSync(file);
      try {
        numbers = numbersIn(...folders);
      } catch (error) {
        return { wrong: [`csv has rows that are not whole: ${(error as Error).message}`], repeated: 0 };
      }
      const { missing, duplicates, foreign } = arrivals(numbers, given);
      const wrong: string[] = [];
      const lost = missing.filter((n) => !doubtful.has(n));
      if (lost.length > 0) wrong.push(`csv lacks ${lost.length}: ${lost.slice(0, 12).join(", ")}`);
      if (foreign.length > 0) wrong.push(`csv has ${foreign.slice(0, 12)}, which nobody pushed`);
      const bound = faults * creditOf(csv.batch as BatchShape, csv.concurrency!) + renamed;
      if (duplicates > bound) wrong.push(`csv has ${duplicates} repeats; ${faults} faults explain ${bound}`);
      return { wrong, repeated: duplicates };
    },
    async stop() {
      spawnSync("umount", ["-l", disk]);
    },
  };
}
