import { expect, test } from "vitest";
import type { KnownSink } from "../log/log.ts";
import { createLogger } from "../logging/index.ts";
import { fullness } from "./backlog-limit.ts";
import { ABSENT_MS, KnownSinks } from "./known-sinks.ts";

const MiB = 2 ** 20;

test("the limit: as configured, else a quarter of what Redis may use, else 1 GiB", () => {
  expect(fullness(5 * MiB, { max: 100 * MiB, used: 0 }, 0).limit).toBe(5 * MiB);
  expect(fullness(0, { max: 100 * MiB, used: 0 }, 0).limit).toBe(25 * MiB);
  expect(fullness(0, { max: 0, used: 0 }, 0).limit).toBe(1024 * MiB);
  expect(fullness(0, null, 0).limit).toBe(1024 * MiB);
});

test("full: above the limit, then cleared to a tenth below it", () => {
  const at = (bytes: number) => fullness(100, null, bytes);
  expect(at(100)).toMatchObject({ full: false, excess: 10 });
  expect(at(101)).toMatchObject({ full: true, excess: 11 });
  expect(at(90).excess).toBeLessThanOrEqual(0);
});

test("full: Redis used to 80 %, but only if the backlog has a part in that", () => {
  const at = (bytes: number, used: number) => fullness(100, { max: 400, used }, bytes);
  expect(at(24, 0.99).full).toBe(false);
  expect(at(30, 0.79).full).toBe(false);
  expect(at(30, 0.8)).toMatchObject({ full: true, excess: 5 });
  expect(at(25, 0.8).excess).toBeLessThanOrEqual(0);
});

test("a sink that no instance names for a minute is nobody's, said once; named again, it is well", async () => {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", format: "text", write: (line) => lines.push(line) });
  const sink = (name: string, seen: number): KnownSink => ({
    name,
    seen,
    fingerprint: "",
    spools: {},
    lists: ["list"],
  });
  let there = [sink("own", 1), sink("old", 1), sink("elsewhere", 1)];
  const known = new KnownSinks(
    { sinks: async () => there, tidy: async () => 0 },
    () => [{ name: "own", fingerprint: "" }],
    logger,
  );
  // However long ago it was seen: nobody counts while all stand still.
  await known.look(0);
  expect([known.foreign("list"), known.orphans]).toEqual([["old", "elsewhere"], []]);
  expect(known.foreign("another list")).toEqual([]);
  for (let at = 10_000; at <= 2 * ABSENT_MS; at += 10_000) {
    there = [sink("own", at), sink("old", 1), sink("elsewhere", at)];
    await known.look(at);
  }
  expect(known.orphans).toEqual(["old"]);
  expect(lines.filter((line) => line.includes("no instance configures the sink old"))).toHaveLength(1);
  there = [sink("own", 1), sink("old", 2)];
  await known.look(3 * ABSENT_MS);
  expect(known.orphans).toEqual([]);
});
