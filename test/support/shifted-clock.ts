import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CouldNotRun } from "./could-not-run.ts";

/** Adds CLOCK_SHIFT_S to every wall clock; the monotonic ones stay. Straight to the kernel: no allocator may be needed. */
const SOURCE = `
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) {
  static long seconds = 0; static int known = 0;
  if (!known) { const char *text = getenv("CLOCK_SHIFT_S"); seconds = text ? atol(text) : 0; known = 1; }
  return seconds;
}
int clock_gettime(clockid_t id, struct timespec *ts) {
  long result = syscall(SYS_clock_gettime, id, ts);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) ts->tv_sec += shift();
  return (int)result;
}
int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  struct timespec ts;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &ts) != 0) return -1;
  tv->tv_sec = ts.tv_sec; tv->tv_usec = ts.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *out) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  if (out) *out = ts.tv_sec;
  return ts.tv_sec;
}
`;

/** The environment of a process whose wall clock is so many seconds ahead (below zero: behind). Needs a C compiler. */
export function shiftedClock(seconds: number): { [name: string]: string } {
  const folder = mkdtempSync(join(tmpdir(), "sluice-clock-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [source, library] = [join(folder, "clock.c"), join(folder, "clock.so")];
  writeFileSync(source, SOURCE);
  const { status, error, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source]);
  if (status !== 0) throw new CouldNotRun(`a clock cannot be shifted without a C compiler: ${error ?? stderr}`);
  return { LD_PRELOAD: library, CLOCK_SHIFT_S: String(seconds) };
}
