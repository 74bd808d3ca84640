import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CouldNotRun } from "../support/could-not-run.ts";
import { arrivals, numbersIn, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { useFolder, useRedis, useSluice } from "../support/sluice.ts";

const COUNT = 6000;

/** A file system of so many bytes. */
function useDisk(bytes: number): string {
  const folder = useFolder();
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "none", folder]);
  if (status !== 0) throw new CouldNotRun(`a small file system cannot be mounted: ${error?.message ?? String(stderr)}`);
  onTestFinished(() => {
    spawnSync("umount", ["-l", folder]);
  });
  return folder;
}

test("a full disk under one CSV sink: it tries again and /readyz says why, the other goes on, and everything arrives whole once there is room", async () => {
  const redis = await useRedis();
  const small = useDisk(2 ** 20);
  const large = join(useFolder(), "csv");
  const ballast = join(small, "ballast");
  writeFileSync(ballast, Buffer.alloc(2 ** 19));
  const sluice = await useSluice({ redis, csv: { small, large } });
  await sluice.ready();
  await push(redis.client, 0, COUNT);
  await sluice.drained(redis, ["large"]);
  await sluice.says(
    (readiness) => /ENOSPC.*free some space/.test(readiness?.sinks.small?.reason ?? ""),
    "that the disk is full",
  );
  rmSync(ballast);
  // More than the disk can ever hold: an operator mounts a larger one.
  spawnSync("mount", ["-o", "remount,size=16m", small]);
  await sluice.drained(redis, ["small", "large"], { seconds: 60 });
  await until(async () => (await sluice.readiness())?.sinks.small?.reason === null, "nothing to say of the disk");
  await sluice.terminate();
  expect(sluice.output).not.toMatch(/actor of sink \S+ ended/);
  expect(arrivals(numbersIn(large), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  expect(arrivals(numbersIn(small), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});
