import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Benchmarks of one part, each a program of its own: of the codecs, and of the delivery log. */
const PROGRAMS = ["micro/record.ts", "log.ts"];

export async function micro(): Promise<[]> {
  for (const program of PROGRAMS) {
    console.log(`  ${program}`);
    const file = fileURLToPath(new URL(`../${program}`, import.meta.url));
    const { status } = spawnSync(process.execPath, [file], { stdio: "inherit" });
    if (status !== 0) throw new Error(`${program} ended with ${status}`);
  }
  return [];
}
