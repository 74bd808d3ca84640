import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CouldNotRun } from "./could-not-run.ts";

/** Adds the seconds in the file CLOCK_SHIFT to every wall clock; the monotonic ones stay. Straight to the kernel: no allocator may be needed. */
const SOURCE = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long none = 0;
static volatile long *shift(void) {
  static volatile long *place = 0;
  if (!place) {
    const char *file = getenv("CLOCK_SHIFT");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    place = mapped == MAP_FAILED ? &none : mapped;
  }
  return place;
}
int clock_gettime(clockid_t id, struct timespec *ts) {
  long result = syscall(SYS_clock_gettime, id, ts);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) ts->tv_sec += *shift();
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

/** The wall clock of processes, which a test sets. */
export interface TestClock {
  /** The environment of a process that goes by it. */
  readonly env: { [name: string]: string };
  /** So many seconds ahead from now on; below zero: behind. */
  set(seconds: number): void;
}

/** What makes clocks in this folder, by name. Needs a C compiler. */
export function clocksIn(folder: string): (name: string) => TestClock {
  const [source, library] = [join(folder, "clock.c"), join(folder, "clock.so")];
  writeFileSync(source, SOURCE);
  const { status, error, stderr } = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source]);
  if (status !== 0) throw new CouldNotRun(`a clock cannot be shifted without a C compiler: ${error ?? stderr}`);
  return (name) => {
    const file = join(folder, `${name}.clock`);
    writeFileSync(file, Buffer.alloc(8));
    return {
      env: { LD_PRELOAD: library, CLOCK_SHIFT: file },
      set(seconds) {
        // In place: processes have it mapped.
        const word = Buffer.alloc(8);
        word.writeBigInt64LE(BigInt(Math.round(seconds)));
        const fd = openSync(file, "r+");
        writeSync(fd, word, 0, word.length, 0);
        closeSync(fd);
      },
    };
  };
}
