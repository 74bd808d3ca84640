import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { clocksIn } from "./clock.ts";

/** The environment of a process whose wall clock is so many seconds ahead (below zero: behind). Needs a C compiler. */
export function shiftedClock(seconds: number): { [name: string]: string } {
  const folder = mkdtempSync(join(tmpdir(), "sluice-clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const clock = clocksIn(folder)("clock");
  clock.set(seconds);
  return clock.env;
}
