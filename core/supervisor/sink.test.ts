import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PROBE_MS } from "../actor/restart-policy.ts";
import type { FakeActor } from "./testing/actor.ts";
import { House } from "./testing/house.ts";
import { type FakeList, LEASE_MS } from "./testing/list.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const CRASH = { kind: "crash", reason: "crash" } as const;

/** A house whose actors are open, and where records [0, records) of chunk 1 were given to the first. */
async function housed(
  options: ConstructorParameters<typeof House>[0] & { page?: number; kind?: "writer" | "gatherer" } = {},
  records = 4,
) {
  const house = new House(options);
  const [list] = house.lists;
  list!.page = options.page ?? 1000;
  list!.add(1, records);
  house.start();
  for (const actor of house.actors) actor.open(options.kind ?? "writer");
  await vi.advanceTimersByTimeAsync(300);
  return { house, list: list!, actor: house.actors[0]! };
}

/** The actor that started last, open. */
async function next(house: House, kind: "writer" | "gatherer" = "writer"): Promise<FakeActor> {
  const before = house.actors.length;
  for (let i = 0; i < 600 && house.actors.length === before; i++) await vi.advanceTimersByTimeAsync(100);
  const actor = house.actors.at(-1)!;
  actor.open(kind);
  await vi.advanceTimersByTimeAsync(300);
  return actor;
}

test("a chunk that another instance took is forgotten when what was begun of it has ended", async () => {
  const { house, list, actor } = await housed({ page: 1 }, 20);
  expect([...actor.held.keys()]).toHaveLength(6);
  list.steal("1");
  await vi.advanceTimersByTimeAsync(LEASE_MS / 4);
  expect(actor.revoked.size).toBe(6);
  for (const seq of [...actor.held.keys()]) actor.settle([seq]);
  expect(house.sink.empty).toBe(true);
  expect(house.sink.credit()).toBe(14);
});

test("chunks that come when the sink was suspended meanwhile are handed back", async () => {
  const { house, list, actor } = await housed();
  let answer = () => {};
  list.after = (call) => (call === "take" ? new Promise((resolve) => (answer = resolve)) : Promise.resolve());
  list.add(2, 1);
  await vi.advanceTimersByTimeAsync(1100);
  actor.events.fatal("write", { name: "", code: "", message: "no" });
  await vi.advanceTimersByTimeAsync(5000);
  answer();
  await vi.advanceTimersByTimeAsync(10);
  expect(house.sink.empty).toBe(true);
  expect(list.in("held")).toEqual([]);
});

test("a suspension hands nothing back that is just being acknowledged", async () => {
  const { house, list, actor } = await housed();
  let answer = () => {};
  const released: string[] = [];
  list.before = async (call) => {
    if (call === "ack") await new Promise<void>((resolve) => (answer = resolve));
    if (call === "release") released.push(...list.in("held"));
  };
  actor.settle([0]);
  actor.events.fatal("write", { name: "", code: "", message: "no" });
  await vi.advanceTimersByTimeAsync(10);
  expect(released).toEqual([]);
  answer();
  await vi.advanceTimersByTimeAsync(10);
  expect(list.in("done")).toEqual(["1"]);
  expect(house.sink.empty).toBe(true);
});

test("what an actor had that ended goes to one that is idle, at once", async () => {
  const { house, actor } = await housed({ actors: 2 });
  const other = house.actors[1]!;
  expect(actor.held.size + other.held.size).toBe(1);
  const [busy, idle] = actor.held.size > 0 ? [actor, other] : [other, actor];
  busy.exit(CRASH);
  await vi.advanceTimersByTimeAsync(50);
  expect(idle.held.size).toBe(1);
});

test("a lease that ran out while the chunk was read is renewed before anything is given out", async () => {
  const house = new House();
  const [list] = house.lists;
  list!.add(1, 1);
  let extended = 0;
  list!.before = async (call) => {
    if (call === "read" && extended === 0) await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
    if (call === "extend") {
      if (performance.now() - began < LEASE_MS * 1.1) throw new Error("away");
      extended++;
    }
  };
  const began = performance.now();
  house.start();
  house.actors[0]!.open("writer");
  for (let i = 0; i < 500 && house.actors[0]!.held.size === 0; i++) await vi.advanceTimersByTimeAsync(100);
  expect(house.actors[0]!.held.size).toBe(1);
  expect(extended).toBeGreaterThan(0);
});

test("a probe while the suspended actor is still closing starts the next one when it has gone", async () => {
  const { house, actor } = await housed();
  actor.closeMs = 2000;
  actor.events.fatal("write", { name: "", code: "", message: "no" });
  house.sink.crew.probe();
  await vi.advanceTimersByTimeAsync(3000);
  expect(house.sink.crew.state).not.toBe("suspended");
  const again = await next(house);
  expect(again).not.toBe(actor);
  await vi.advanceTimersByTimeAsync(LEASE_MS);
  expect(again.held.size).toBe(1);
});

test("suspended by hand: what is in a call may finish, nothing more is taken, and nothing but resume ends it", async () => {
  const { house, list, actor } = await housed({ page: 1 });
  const { crew } = house.sink;
  actor.closeMs = 1000;
  const suspended = crew.suspendByHand();
  expect(crew).toMatchObject({ state: "suspended", reason: "suspended by hand", nextTryAt: null, ready: false });
  list.add(2, 3);
  for (const seq of [...actor.held.keys()]) actor.settle([seq]);
  await vi.advanceTimersByTimeAsync(2000);
  await suspended;
  expect(list.in("done")).toEqual(["1"]);
  crew.probe();
  await crew.reload();
  await vi.advanceTimersByTimeAsync(3600_000);
  expect(house.alive).toEqual([]);
  expect(list.in("held")).toEqual([]);
  expect(crew.reason).toBe("suspended by hand");
  crew.resume();
  const again = await next(house);
  await vi.advanceTimersByTimeAsync(LEASE_MS);
  expect(again.held.size).toBe(3);
  expect(crew).toMatchObject({ state: "open", reason: null });
});

test("suspended by hand with a call that does not end: what it has is handed back", async () => {
  const { house, list, actor } = await housed();
  actor.drain = async (_reason?: string, until = 0) => {
    await new Promise((resolve) => setTimeout(resolve, until - performance.now()));
  };
  actor.closeMs = null;
  const suspended = house.sink.crew.suspendByHand();
  await vi.advanceTimersByTimeAsync(20_000);
  await suspended;
  expect(house.sink.empty).toBe(true);
  expect(list.in("held")).toEqual([]);
});

test("by hand over a suspension that is probed, and resumed while it still closes", async () => {
  const { house, actor } = await housed();
  const { crew } = house.sink;
  actor.closeMs = 2000;
  actor.events.fatal("write", { name: "", code: "", message: "no" });
  await crew.suspendByHand();
  expect(crew.reason).toMatch(/^suspended by hand; before, write\(\) found/);
  crew.resume();
  crew.resume();
  await vi.advanceTimersByTimeAsync(3000);
  expect(house.alive).toHaveLength(1);
  const again = house.actors.at(-1)!;
  again.open("writer");
  await vi.advanceTimersByTimeAsync(LEASE_MS);
  expect(again.held.size).toBe(1);
});

test("resume tries a sink at once that its own failures suspended", async () => {
  const { house, actor } = await housed();
  actor.events.fatal("write", { name: "", code: "", message: "no" });
  expect(house.sink.crew.nextTryAt).toBe(Date.now() + PROBE_MS);
  await vi.advanceTimersByTimeAsync(100);
  house.sink.crew.resume();
  expect(house.sink.crew).toMatchObject({ state: "starting", nextTryAt: null });
  expect(house.alive).toHaveLength(1);
});

test("neighbours that crash the actor are found one by one, and the sink is not suspended for them", async () => {
  const { house, list } = await housed({}, 6);
  let actor = house.actors[0]!;
  for (let i = 0; i < 200 && list.in("done").length === 0; i++) {
    const [seq, held] = actor.held.entries().next().value ?? [];
    if (held === undefined) await vi.advanceTimersByTimeAsync(500);
    else if (held.part.from <= 3 && held.part.to > 2) {
      actor.exit(CRASH);
      expect(house.sink.crew.state).not.toBe("suspended");
      actor = await next(house);
    } else {
      actor.settle([seq!]);
      await vi.advanceTimersByTimeAsync(50);
    }
  }
  expect(list.in("done")).toEqual(["1"]);
  expect([...list.chunks.get("1")!.letters].sort()).toEqual([2, 3]);
});

test("a gatherer's dead letter is stored before its chunk is done: a watermark may have passed it for whoever has the chunk next", async () => {
  const { house, list } = await housed({ kind: "gatherer" }, 6);
  let actor = house.actors[0]!;
  for (let i = 0; i < 200 && list.chunks.get("1")!.letters.size === 0; i++) {
    const [seq, held] = actor.held.entries().next().value ?? [];
    if (held === undefined) await vi.advanceTimersByTimeAsync(500);
    else if (held.part.from <= 2 && held.part.to > 2) {
      actor.exit(CRASH);
      actor = await next(house, "gatherer");
    } else {
      actor.settle([seq!]);
      await vi.advanceTimersByTimeAsync(50);
    }
  }
  expect(list.in("held")).toEqual(["1"]);
  expect([...list.chunks.get("1")!.letters]).toEqual([2]);
  // Another, while somebody else takes the chunk.
  const [seq] = actor.held.keys();
  list.steal("1");
  await vi.advanceTimersByTimeAsync(LEASE_MS / 4);
  actor.settle([seq!], [{ seq: seq!, index: 4, reason: "refused" }]);
  await vi.advanceTimersByTimeAsync(50);
  expect([...list.chunks.get("1")!.letters]).toEqual([2, 4]);
  expect(house.sink.empty).toBe(true);
});

test("after a record that ends a gatherer's actor come other chunks: they show that the sink works before anything behind it is counted", async () => {
  const { house, list } = await housed({ kind: "gatherer" }, 3);
  list.add(2, 3);
  await vi.advanceTimersByTimeAsync(300);
  let actor = house.actors[0]!;
  const given: string[] = [];
  for (let i = 0; i < 200 && list.in("done").length < 2; i++) {
    const [seq, held] = actor.held.entries().next().value ?? [];
    if (held === undefined) {
      await vi.advanceTimersByTimeAsync(500);
      continue;
    }
    const { chunk, from, to } = held.part;
    if (chunk === "1" && from <= 1 && to > 1) {
      actor.exit(CRASH);
      actor = await next(house, "gatherer");
    } else {
      actor.settle([seq!]);
      await vi.advanceTimersByTimeAsync(50);
    }
    given.push(to - from === 1 ? `${chunk}.${from}` : chunk);
  }
  expect(given.slice(given.indexOf("1.1"))).toEqual(["1.1", "2", "1.2"]);
  expect([...list.chunks.get("1")!.letters]).toEqual([1]);
});

/** Ends actors of a gatherer until record 1 of the only chunk is found to be what they end with. */
async function accused(actor: FakeActor, house: House): Promise<FakeActor> {
  for (let i = 0; i < 20; i++) {
    const [seq, held] = actor.held.entries().next().value!;
    const { from, to } = held.part;
    if (to === 1) {
      actor.settle([seq]);
      await vi.advanceTimersByTimeAsync(50);
      continue;
    }
    actor.exit(CRASH);
    actor = await next(house, "gatherer");
    if (from === 1) return actor;
  }
  throw new Error("record 1 was not given alone");
}

test("what lies behind a record that ends a gatherer's actor waits until its letter is stored, since nothing else may pass", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer" }, 3);
  let away = true;
  list.before = async (call) => {
    if (call === "reject" && away) throw new Error("away");
  };
  const other = await accused(actor, house);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(other.held.size).toBe(0);
  away = false;
  await vi.advanceTimersByTimeAsync(1500);
  expect([...list.chunks.get("1")!.letters]).toEqual([1]);
  expect([...other.held.values()].map(({ part }) => part.from)).toEqual([2]);
  other.settle([...other.held.keys()]);
  await vi.advanceTimersByTimeAsync(50);
  expect(list.in("done")).toEqual(["1"]);
  expect([...list.chunks.get("1")!.letters]).toEqual([1]);
});

test.each<[string, (other: FakeActor, behind: number[], house: House) => void, number[]]>([
  ["it was not begun", (other, behind) => other.return(behind), []],
  [
    "it may be written, though it failed",
    (other, behind) => {
      other.release(behind);
      other.return(behind);
    },
    [1],
  ],
  [
    "it was flushed, and all of it rejected",
    (other, [seq]) => {
      other.release([seq!]);
      other.settle([seq!], [{ seq: seq!, index: 2, reason: "no" }]);
    },
    [1, 2],
  ],
  [
    "it is flushed while its sink is being suspended",
    (other, behind, house) => {
      other.closeMs = 2000;
      house.sink.crew.suspend("x");
      other.release(behind);
      other.settle(behind);
    },
    [1],
  ],
])(
  "of what lies behind a record without a verdict %s: its letter stays if a watermark may have passed it",
  async (_, ends, letters) => {
    const { house, list, actor } = await housed({ kind: "gatherer" }, 4);
    const other = await accused(actor, house);
    expect([...list.chunks.get("1")!.letters]).toEqual([1]);
    ends(other, [...other.held.keys()].slice(0, 1), house);
    const stopped = house.stop(5000);
    await vi.advanceTimersByTimeAsync(7000);
    await stopped;
    expect(list.in("free")).toEqual(["1"]);
    expect([...list.chunks.get("1")!.letters]).toEqual(letters);
  },
);

test("a chunk whose letter cannot be stored does not keep the sink from its other lists", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer", lists: 2 }, 40);
  list.before = async (call) => {
    if (call === "reject" || call === "extend") throw new Error("away");
  };
  const other = await accused(actor, house);
  house.lists[1]!.add(2, 3);
  for (let i = 0; i < 50 && house.lists[1]!.in("done").length === 0; i++) {
    await vi.advanceTimersByTimeAsync(300);
    other.settle([...other.held.keys()]);
  }
  expect(house.lists[1]!.in("done")).toEqual(["2"]);
});

test("a record of a chunk that somebody else has is nobody's suspect here", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer" }, 3);
  let other = actor;
  for (let i = 0; i < 3; i++) {
    other.exit(CRASH);
    other = await next(house, "gatherer");
  }
  other.exit(CRASH);
  other = await next(house, "gatherer");
  expect([...other.held.values()].map(({ part }) => [part.from, part.to])).toEqual([[0, 1]]);
  list.steal("1");
  await vi.advanceTimersByTimeAsync(LEASE_MS / 4);
  other.exit(CRASH);
  await vi.advanceTimersByTimeAsync(100);
  expect(house.sink.empty).toBe(true);
  other = await next(house, "gatherer");
  list.add(2, 1);
  await vi.advanceTimersByTimeAsync(1000);
  other.settle([...other.held.keys()]);
  await vi.advanceTimersByTimeAsync(100);
  expect([...list.chunks.get("1")!.letters]).toEqual([]);
});

test("a stop ends in time though the clock is set back meanwhile; nothing starts after it", async () => {
  const { house, actor } = await housed();
  actor.closeMs = null;
  const stopped = house.stop(5000);
  await vi.advanceTimersByTimeAsync(1000);
  vi.setSystemTime(Date.now() - 3_600_000);
  await vi.advanceTimersByTimeAsync(6000);
  await stopped;
  house.sink.crew.start();
  expect(house.alive).toEqual([]);
});

test("so they do behind a single record that a gatherer may be about to reject", async () => {
  const { list, actor } = await housed({ kind: "gatherer" }, 2);
  const pass = () => vi.advanceTimersByTimeAsync(300);
  // Down to the record: the chunk alone, then its halves.
  for (let i = 0; i < 2; i++) {
    actor.return([...actor.held.keys()], true);
    await pass();
  }
  list.add(2, 3);
  await pass();
  const given = () => [...actor.held.values()].map(({ part }) => `${part.chunk}.${part.from}`);
  expect(given()).toEqual(["1.0"]);
  actor.release([...actor.held.keys()]);
  await pass();
  expect(given()).toEqual(["1.0", "2.0"]);
  actor.release([[...actor.held.keys()].at(-1)!]);
  await pass();
  expect(given()).toEqual(["1.0", "2.0", "1.1"]);
});

test("a record is not blamed for a crash while a gather with others was in work", async () => {
  const { house, list } = await housed({}, 2);
  let actor = house.actors[0]!;
  // Three crashes with it unreleased: the chunk comes alone, then by records.
  for (let i = 0; i < 3; i++) {
    actor.exit(CRASH);
    actor = await next(house);
  }
  list.add(2, 1);
  actor.return([...actor.held.keys()]);
  await vi.advanceTimersByTimeAsync(300);
  for (let i = 0; i < 10; i++) {
    const alone = [...actor.held.values()].filter((held) => held.alone && !held.released);
    if (alone.length > 0) expect(actor.held.size).toBe(1);
    actor.release([...actor.held].flatMap(([seq, { released }]) => (released ? [] : [seq])));
    await vi.advanceTimersByTimeAsync(300);
  }
});

/** The log takes no dead letter from now on; gives how often that was tried. */
function keepsNoLetter(list: FakeList): () => number {
  let calls = 0;
  list.before = async (call) => {
    if (call !== "reject") return;
    calls++;
    throw new Error("away");
  };
  return () => calls;
}

/** A gather that waits for its dead letters: how often it was told that they are stored. */
function waiting(actor: FakeActor, ...indexes: number[]): () => number {
  const [seq] = actor.held.keys();
  let told = 0;
  const rejected = indexes.map((index) => ({ seq: seq!, index, reason: "no" }));
  actor.events.rejecting!(rejected, () => told++);
  return () => told;
}

test("what a gather rejects is stored before it is flushed, and once", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer" });
  const stored: number[] = [];
  let answer = () => {};
  const { reject } = list;
  list.reject = async (sink, ref, letters) => {
    await new Promise<void>((resolve) => (answer = resolve));
    stored.push(...letters.map(({ index }) => index));
    return reject.call(list, sink, ref, letters);
  };
  const told = waiting(actor, 1, 3);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told()).toBe(0);
  answer();
  await vi.advanceTimersByTimeAsync(10);
  expect(told()).toBe(1);
  // The gather was dropped, and comes again.
  actor.return([...actor.held.keys()]);
  await vi.advanceTimersByTimeAsync(300);
  const toldAgain = waiting(actor, 3, 1);
  await vi.advanceTimersByTimeAsync(10);
  expect(toldAgain()).toBe(1);
  const [seq] = actor.held.keys();
  actor.settle(
    [seq!],
    [1, 3].map((index) => ({ seq: seq!, index, reason: "no" })),
  );
  await vi.advanceTimersByTimeAsync(10);
  expect(stored).toEqual([1, 3]);
  expect(list.in("done")).toEqual(["1"]);
  expect(house.sink.status({ chunks: 0, records: 0, oldestMs: 0 }, {} as never)).toMatchObject({
    deadLettered: 2,
    delivered: 4,
  });
});

test("a letter that was stored in doubt is taken back, and written anew when its record is refused once more", async () => {
  const { list, actor } = await housed({ kind: "gatherer" }, 1);
  const letters = () => [...list.chunks.get("1")!.letters];
  const held = () => [...actor.held.keys()];
  const told = waiting(actor, 0);
  await vi.advanceTimersByTimeAsync(10);
  expect([told(), letters()]).toEqual([1, [0]]);
  let answer = () => {};
  list.before = async (call) => {
    if (call === "dropLetters") await new Promise<void>((resolve) => (answer = resolve));
  };
  actor.return(held(), true, true);
  await vi.advanceTimersByTimeAsync(300);
  // Refused again before the log has answered.
  const toldAgain = waiting(actor, 0);
  await vi.advanceTimersByTimeAsync(10);
  expect(toldAgain()).toBe(0);
  answer();
  await vi.advanceTimersByTimeAsync(10);
  expect([toldAgain(), letters()]).toEqual([1, [0]]);
  actor.return(held(), true, true);
  await vi.advanceTimersByTimeAsync(300);
  answer();
  await vi.advanceTimersByTimeAsync(10);
  expect(letters()).toEqual([]);
  actor.settle(held());
  await vi.advanceTimersByTimeAsync(10);
  expect([list.in("done"), letters()]).toEqual([["1"], []]);
});

test("a gather waits while the log does not take what it rejects", async () => {
  const { list, actor } = await housed({ kind: "gatherer" });
  let away = true;
  list.before = async (call) => {
    if (call === "reject" && away) throw new Error("away");
  };
  const told = waiting(actor, 2);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told()).toBe(0);
  expect(actor.revoked.size).toBe(0);
  away = false;
  await vi.advanceTimersByTimeAsync(1500);
  expect(told()).toBe(1);
  expect([...list.chunks.get("1")!.letters]).toEqual([2]);
});

test("a gather that waits is given up when its chunk is lost, and nothing of it is stored after that", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer" });
  const calls = keepsNoLetter(list);
  const told = waiting(actor, 2);
  const seqs = [...actor.held.keys()];
  list.steal("1");
  await vi.advanceTimersByTimeAsync(LEASE_MS / 2);
  expect([...actor.revoked]).toEqual(seqs);
  const before = calls();
  actor.return(seqs);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(calls()).toBe(before);
  expect(told()).toBe(0);
  expect(house.sink.empty).toBe(true);
});

test("at the bound of dead letters a gather that waits is not flushed: its chunk is handed back, and the sink suspended", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer", letters: 1 });
  const told = waiting(actor, 1, 3);
  const seqs = [...actor.held.keys()];
  await vi.advanceTimersByTimeAsync(10_000);
  expect(told()).toBe(0);
  expect([...actor.revoked]).toEqual(seqs);
  expect(house.sink.crew.state).toBe("suspended");
  expect(house.sink.crew.reason).toMatch(/as many dead letters as are kept/);
  expect(house.sink.empty).toBe(true);
  expect(list.in("free")).toEqual(["1"]);
  expect(list.chunks.get("1")!.letters.size).toBe(0);
});

test("a gather that waits when the sink stops does not hold it up, nor is anything tried after that", async () => {
  const { house, list, actor } = await housed({ kind: "gatherer" });
  const calls = keepsNoLetter(list);
  const told = waiting(actor, 1);
  const stopped = house.stop(5000);
  await vi.advanceTimersByTimeAsync(7000);
  await stopped;
  const before = calls();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(calls()).toBe(before);
  expect(told()).toBe(0);
  expect(list.in("free")).toEqual(["1"]);
});
