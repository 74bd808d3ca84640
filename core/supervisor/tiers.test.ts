import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { BacklogConfig } from "../config/config.ts";
import { openSpool, type Spool } from "../log/spool.ts";
import { createLogger } from "../logging/index.ts";
import { FakeBacklog } from "./testing/backlog.ts";
import { Tiers } from "./tiers.ts";

const KiB = 1024;
/** Records of 100 B: 200 of them. */
const LIMIT = 20_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  vi.advanceTimersByTime(1_000_000);
});
afterEach(() => {
  vi.useRealTimers();
});

interface Scene {
  backlog: FakeBacklog;
  tiers: Tiers;
  spool: Spool | null;
  lines: string[];
  /** Time passes, then it looks. */
  look(afterMs?: number): Promise<void>;
}

/** A pump whose sinks `up` and `down` are a while old, `down` with nothing delivered. */
function scene(
  config: {
    policy?: BacklogConfig["policy"];
    maxBytes?: number;
    spoolBytes?: number;
    full?: "hold" | "drop_oldest";
  } = {},
  { sinks = ["up", "down"], lists = 1, foreign = [] as string[] } = {},
): Scene {
  const { policy = "spool", maxBytes = LIMIT, spoolBytes = 0, full = "hold" } = config;
  const backlog = new FakeBacklog(sinks, lists);
  const lines: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "sluice-tiers-"));
  const disk = policy === "spool" ? { folder, maxBytes: spoolBytes, full } : null;
  const spool = disk && openSpool(disk);
  spool?.open();
  const tiers = new Tiers({
    log: backlog.log,
    config: { maxBytes, policy, spool: disk },
    drains: backlog.drains,
    sinks: backlog.sinks,
    spool,
    foreign: () => foreign,
    logger: createLogger({ level: "debug", format: "text", perSecond: 1e9, write: (line) => lines.push(line) }),
  });
  onTestFinished(async () => {
    await tiers.stop();
    spool?.close();
    rmSync(folder, { recursive: true });
  });
  return {
    backlog,
    tiers,
    spool,
    lines,
    async look(afterMs = 3000) {
      await vi.advanceTimersByTimeAsync(afterMs);
      await tiers.look();
    },
  };
}

const state = ({ tiers, backlog }: Scene, sink: string) => tiers.of(backlog.sink(sink)).state;

describe("who pays", () => {
  test("nobody below the limit", async () => {
    const it = scene();
    it.backlog.lists[0]!.add(200);
    await it.look();
    expect([state(it, "up"), state(it, "down"), it.tiers.holding]).toEqual(["ok", "ok", null]);
    expect(it.backlog.lists[0]!.owing("down")).toHaveLength(1);
  });

  test("the sink with the oldest chunk alone, with its oldest chunks, until a tenth is free", async () => {
    const it = scene();
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10, 60_000 - i);
    it.backlog.sink("up").work(30);
    const before = list!.owing("down");
    await it.look(0);
    expect(it.backlog.bytes).toBe(0.9 * LIMIT);
    expect(list!.owing("down")).toEqual(before.slice(12));
    expect(it.tiers.of(it.backlog.sink("down"))).toMatchObject({ state: "spooling", spooled: 120 });
    expect(it.tiers.of(it.backlog.sink("up"))).toMatchObject({ state: "ok", spooled: 0, dropped: 0 });
    // It is fed from the disk now, and from nowhere else.
    expect([...list!.excluded]).toEqual(["down"]);
    expect(it.spool!.store.count("down")).toMatchObject({ records: 120 });
  });

  test("one after the other where two are down, and no more of each than what was missing", async () => {
    const it = scene({ policy: "drop_oldest" }, { sinks: ["up", "a", "b"] });
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10, 60_000 - i);
    it.backlog.sink("up").work(30);
    await it.look(0);
    expect(it.backlog.bytes).toBe(0.9 * LIMIT);
    for (const name of ["a", "b"]) {
      expect(it.tiers.of(it.backlog.sink(name))).toMatchObject({ state: "dropping", dropped: 120 });
    }
    expect(it.tiers.of(it.backlog.sink("up")).dropped).toBe(0);
    await it.look(1000);
    expect(it.tiers.of(it.backlog.sink("a")).dropped).toBe(120);
  });

  test("not one that keeps up, though its chunk is the oldest: it has just settled something, and nothing is old", async () => {
    const it = scene({}, { sinks: ["only"] });
    const [list] = it.backlog.lists;
    for (let i = 0; i < 40; i++) list!.add(10, 5000);
    it.backlog.sink("only").work(1);
    await it.look(1000);
    expect([state(it, "only"), it.tiers.holding]).toEqual(["ok", null]);
    // So for ten seconds, then it is said that nobody can be charged.
    for (let s = 0; s < 11; s++) {
      list!.chunks = [];
      for (let i = 0; i < 40; i++) list!.add(10, 5000);
      it.backlog.sink("only").work(1);
      await it.look(1000);
    }
    expect(it.tiers.holding).toMatch(/every sink keeps up/);
    it.backlog.sink("only").work(40);
    await it.look(1000);
    expect(it.tiers.holding).toBe(null);
    expect(it.tiers.of(it.backlog.sink("only"))).toMatchObject({ spooled: 0 });
  });

  test("all is kept where a sink of other instances is further behind: nothing of ours would make room", async () => {
    const it = scene({}, { foreign: ["theirs"] });
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10);
    list!.foreign.set("theirs", 3_600_000);
    await it.look();
    expect(it.tiers.holding).toMatch(/sink theirs, which is not configured here, is furthest behind/);
    expect(list!.owing("down")).toHaveLength(30);
    list!.foreign.set("theirs", 60_000);
    await it.look();
    expect(it.tiers.holding).toBe(null);
    expect(it.backlog.bytes).toBeLessThan(LIMIT);
  });

  test("of several lists, the one with the oldest chunk", async () => {
    const it = scene({}, { lists: 3 });
    const [a, b, c] = it.backlog.lists;
    a!.add(100, 30_000);
    b!.add(100, 90_000);
    c!.add(20, 60_000);
    it.backlog.sink("up").work(3);
    await it.look(0);
    expect([a, b, c].map((list) => list!.owing("down").length)).toEqual([1, 0, 1]);
  });

  test("what it holds and gets nowhere with comes first: it gives it back", async () => {
    const it = scene();
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10);
    it.backlog.sink("up").work(30);
    const before = list!.owing("down");
    it.backlog.sink("down").hold(5);
    await it.look();
    expect(it.backlog.sink("down").yields).toBeGreaterThan(0);
    expect(list!.owing("down")).toEqual(before.slice(12));
  });

  test("Redis used to four fifths is full, however little the limit says", async () => {
    const it = scene({ maxBytes: 0 });
    const [list] = it.backlog.lists;
    for (let i = 0; i < 40; i++) list!.add(10);
    it.backlog.sink("up").work(40);
    it.backlog.memory = { max: 400_000, used: 0.79 };
    await it.look();
    expect([it.tiers.limit, state(it, "down")]).toEqual([100_000, "ok"]);
    it.backlog.memory = { max: 400_000, used: 0.81 };
    await it.look();
    expect(state(it, "down")).toBe("spooling");
    expect(it.backlog.bytes).toBeLessThanOrEqual(25_000);
  });
});

describe("with what it pays", () => {
  test("dropping: one letter tells of all that was dropped, written before it is done", async () => {
    const it = scene({ policy: "drop_oldest" });
    const [list] = it.backlog.lists;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 30; i++) list!.add(10);
      it.backlog.sink("up").work(30);
      await it.look();
    }
    const { dropped } = it.tiers.of(it.backlog.sink("down"));
    expect(dropped).toBe(900 - 180);
    expect([...list!.letters.values()]).toEqual([
      expect.objectContaining({ index: -1, reason: expect.stringContaining(`${dropped} records in 72 chunks`) }),
    ]);
    // It goes on with Redis.
    expect(list!.excluded.size).toBe(0);
  });

  test("holding: nothing is touched, and both the sink and the whole say so, once", async () => {
    const it = scene({ policy: "hold" });
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10);
    it.backlog.sink("up").work(30);
    for (let i = 0; i < 3; i++) await it.look();
    expect([state(it, "down"), state(it, "up")]).toEqual(["holding", "ok"]);
    expect(it.tiers.holding).toMatch(/sink down is furthest behind/);
    expect(list!.owing("down")).toHaveLength(30);
    expect(it.lines.filter((line) => line.includes("is holding"))).toHaveLength(1);
    it.backlog.sink("down").work(20);
    await it.look();
    expect([state(it, "down"), it.tiers.holding]).toEqual(["ok", null]);
  });

  test.each(["hold", "drop_oldest"] as const)(
    "a spool that is full: %s, and to disk again when it has room",
    async (full) => {
      const it = scene({ spoolBytes: 512 * KiB, full });
      const [list] = it.backlog.lists;
      for (let i = 0; i < 100; i++) list!.add(100);
      it.backlog.sink("up").work(100);
      await it.look();
      const down = it.backlog.sink("down");
      const { spooled, dropped } = it.tiers.of(down);
      expect(spooled).toBeGreaterThan(1000);
      expect(it.spool!.store.count("down").records).toBe(spooled);
      expect(it.lines.filter((line) => /the spool cannot be used: .*full/.test(line))).toHaveLength(1);
      if (full === "hold") {
        expect([state(it, "down"), dropped]).toEqual(["holding", 0]);
        expect(it.tiers.holding).toMatch(/sink down is furthest behind, and .*full/);
        expect(list!.owing("down")).toHaveLength(100 - spooled / 100);
      } else {
        expect([state(it, "down"), it.tiers.holding]).toEqual(["dropping", null]);
        expect(dropped).toBe(10_000 - spooled - 180 + 80);
      }
      // Its actor has emptied the spool meanwhile.
      for (const { id } of it.spool!.store.unread("list0", "down", 0, 100)) it.spool!.store.markDone("down", [id]);
      it.spool!.store.deleteDone();
      await it.look(6000);
      for (let i = 0; i < 5; i++) list!.add(100);
      it.backlog.sink("up").work(5);
      await it.look(0);
      expect(it.tiers.of(down).spooled).toBeGreaterThan(spooled);
      // Where all was kept, it is full again by now.
      if (full === "drop_oldest") expect(state(it, "down")).toBe("spooling");
    },
  );

  test("an acknowledgement that fails: what is on disk stays in the log too, and is tried again", async () => {
    const it = scene();
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10);
    it.backlog.sink("up").work(30);
    list!.fault = new Error("Redis is away");
    await it.look();
    expect(list!.owing("down")).toHaveLength(30);
    expect(it.spool!.store.count("down").chunks).toBeGreaterThan(0);
    expect(it.lines.some((line) => line.includes("the backlog could not be looked at"))).toBe(true);
    await it.look();
    // Each is on disk once, whatever was tried before.
    expect(it.spool!.store.count("down").chunks).toBe(12);
    expect(list!.owing("down")).toHaveLength(18);
  });

  test("what was charged stays so until the sink works again or its spool is empty", async () => {
    const it = scene();
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10);
    it.backlog.sink("up").work(30);
    await it.look();
    await it.look();
    expect(state(it, "down")).toBe("spooling");
    it.backlog.sink("down").work(1);
    await it.look(1000);
    expect(state(it, "down")).toBe("ok");
    expect(list!.excluded.size).toBe(0);
  });

  test("with its spool empty it is fed from Redis again, also where nearly all of the limit is used", async () => {
    const it = scene();
    const [list] = it.backlog.lists;
    for (let i = 0; i < 30; i++) list!.add(10);
    it.backlog.sink("up").work(30);
    await it.look();
    for (const { id } of it.spool!.store.unread("list0", "down", 0, 100)) it.spool!.store.markDone("down", [id]);
    list!.add(10);
    it.backlog.sink("up").work(1);
    await it.look();
    expect([it.backlog.bytes, state(it, "down"), list!.excluded.size]).toEqual([0.95 * LIMIT, "ok", 0]);
  });
});

const STEPS = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("add" as const), list: fc.nat(1), chunks: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ do: fc.constant("work" as const), sink: fc.nat(2), chunks: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ do: fc.constant("hold" as const), sink: fc.nat(2), chunks: fc.integer({ min: 1, max: 10 }) }),
    fc.record({ do: fc.constant("look" as const), ms: fc.integer({ min: 0, max: 15_000 }) }),
  ),
  { minLength: 5, maxLength: 40 },
);

test("whatever happens: each chunk is done, on disk or counted for each sink; who has nothing old pays nothing; it is said when nobody pays", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, fc.constantFrom("spool", "drop_oldest", "hold"), async (steps, policy) => {
      const it = scene({ policy }, { sinks: ["a", "b", "c"], lists: 2 });
      const { backlog, tiers } = it;
      const added = new Map(backlog.sinks.map(({ name }) => [name, 0]));
      for (const step of steps) {
        if (step.do === "add") {
          for (let i = 0; i < step.chunks; i++) backlog.lists[step.list]!.add(10, 0);
          for (const [name, n] of added) added.set(name, n + step.chunks * 10);
        } else if (step.do === "work") backlog.sinks[step.sink]!.work(step.chunks);
        else if (step.do === "hold") backlog.sinks[step.sink]!.hold(step.chunks);
        else await it.look(step.ms);
        for (const sink of backlog.sinks) {
          const { spooled, dropped } = tiers.of(sink);
          const owed = backlog.lists.reduce((sum, list) => sum + 10 * list.owing(sink.name).length, 0);
          expect(sink.delivered + spooled + dropped + owed).toBe(added.get(sink.name));
          if (policy === "hold") expect(spooled + dropped).toBe(0);
          if (policy === "spool") expect(it.spool!.store.count(sink.name).records).toBe(spooled);
        }
      }
      // Nobody has moved for a while: there is room, or it is said why not.
      await it.look(12_000);
      await it.look(12_000);
      expect(backlog.bytes <= LIMIT || tiers.holding !== null).toBe(true);
      await tiers.stop();
    }),
    { numRuns: 100, seed: 20261122, endOnFailure: true },
  );
});
