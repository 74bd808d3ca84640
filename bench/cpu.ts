import { readFileSync } from "node:fs";

const TICKS_A_SECOND = 100;

/** Seconds of CPU that these processes have used, of all their threads. */
export function cpuOf(processes: readonly { pid: number }[]): number {
  const ticks = processes.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS_A_SECOND;
}
