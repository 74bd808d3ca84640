import { readFileSync } from "node:fs";

/** MB of resident memory; shared pages count once. VmHWM: its peak. */
export function memoryOf(pid: number, line: "VmRSS" | "VmHWM"): number {
  return statusOf(pid, line) / 1024;
}

/** The number in a line of /proc/<pid>/status; kB where it is memory. 0 where there is none. */
export function statusOf(pid: number, line: "VmRSS" | "VmHWM" | "Threads"): number {
  return Number(new RegExp(`^${line}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}
