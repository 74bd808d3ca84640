import type { Rejected } from "@sluice/sdk/runtime";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Exit } from "../actor/actor.ts";
import { creditFor, limitsFor } from "../actor/limits.ts";
import { type FakeActor, READY } from "./testing/actor.ts";
import { House } from "./testing/house.ts";
import type { LogCall } from "./testing/list.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Random = () => number;

/** mulberry32 */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const EXITS: Exit["kind"][] = ["crash", "memory", "silent", "deadline"];

/** A random life of one sink, then calm; what must hold is looked at all along. */
class Script {
  readonly house: House;
  readonly #random: Random;
  readonly #kind: "writer" | "gatherer";
  #chaos = true;
  #chunks = 0;
  /** Records by `chunk.index`. */
  readonly #written = new Set<string>();
  readonly #rejected = new Set<string>();
  /** Alone in an actor's hands when it crashed. */
  readonly #crashed = new Set<string>();
  /** Crash the actor that begins with them. */
  readonly #poison = new Set<string>();
  /** Pieces that wait for their dead letters to be stored. */
  readonly #asked = new Set<number>();
  readonly #violations: string[] = [];
  /** Where each chunk goes on in an actor's life. */
  readonly #looked = new Map<FakeActor, Map<string, number>>();

  constructor(seed: number, actors: number, kind: "writer" | "gatherer") {
    this.#random = randomOf(seed);
    vi.spyOn(Math, "random").mockImplementation(randomOf(seed + 1));
    this.#kind = kind;
    this.house = new House({ lists: 2, actors });
    for (const list of this.house.lists) {
      list.page = 1 + this.#below(12);
      list.before = (call) => this.#trouble(call);
      list.after = (call) => this.#trouble(call);
      list.handedOut = (chunk) => {
        for (const goesOn of this.#looked.values()) goesOn.delete(chunk);
      };
      list.acknowledged = (chunk) => this.#acknowledged(chunk);
    }
  }

  async run(steps: number): Promise<void> {
    this.house.start();
    for (let i = 0; i < steps; i++) {
      this.#step();
      await vi.advanceTimersByTimeAsync(this.#chance(0.1) ? this.#below(20_000) : this.#below(300));
    }
    await this.#calm();
  }

  #step(): void {
    const { lists, sink } = this.house;
    const list = lists[this.#below(lists.length)]!;
    if (this.#chance(0.3)) {
      const records = 1 + this.#below(20);
      list.add(++this.#chunks, records);
      while (this.#chance(0.05)) this.#poison.add(`${this.#chunks}.${this.#below(records)}`);
    }
    if (this.#chance(0.03)) for (const chunk of list.in("held")) if (this.#chance(0.3)) list.steal(chunk);
    if (this.#chance(0.05)) list.giveBack();
    if (this.#chance(0.03)) sink.crew.probe();
    if (this.#chance(0.01)) void sink.crew.suspendByHand();
    if (this.#chance(0.05)) sink.crew.resume();
    for (const actor of this.house.alive) this.#act(actor);
  }

  #act(actor: FakeActor): void {
    this.#look(actor);
    if (actor.state === "starting" || actor.state === "opening") {
      if (this.#chance(0.5)) actor.open(this.#kind);
      else if (this.#chance(0.05)) this.#crash(actor);
    } else if (actor.state === "open" || actor.state === "draining") {
      for (const seq of actor.revoked) {
        actor.revoked.delete(seq);
        if (actor.held.has(seq) && (this.#asked.has(seq) || this.#chance(0.7))) this.#return(actor, seq, false);
      }
      const seqs = [...actor.held.keys()];
      if (this.#chance(0.02)) this.#crash(actor);
      else if (this.#chance(0.01)) actor.events.fatal("write", { name: "", code: "", message: "fatal" });
      else if (seqs.length === 0) return;
      else if (this.#kind === "gatherer" && this.#chance(0.5)) {
        actor.release(seqs.filter((seq) => !actor.held.get(seq)!.released));
      } else if (this.#chance(0.15)) this.#return(actor, seqs[this.#below(seqs.length)]!, this.#chance(0.5));
      else if (this.#chance(0.7)) this.#settle(actor, seqs[this.#below(seqs.length)]!);
    }
  }

  /** An actor starts with nothing of a chunk's in its hands, or goes on where it was: pieces do not overtake. */
  #look(actor: FakeActor): void {
    if (this.#looked.has(actor)) return;
    actor.closeMs = this.#chance(0.2) ? null : this.#below(5000);
    const goesOn = new Map<string, number>();
    this.#looked.set(actor, goesOn);
    const send = actor.send.bind(actor);
    actor.send = (seq, part, alone) => {
      this.#must(part.from <= (goesOn.get(part.chunk) ?? part.from), `chunk ${part.chunk} goes on at ${part.from}`);
      goesOn.set(part.chunk, part.to);
      for (const held of actor.held.values())
        this.#must(held.released || !(alone || held.alone), "a piece is not alone");
      send(seq, part, alone);
    };
    const give = actor.return.bind(actor);
    actor.return = (seqs, narrow) => {
      for (const seq of seqs) {
        const { chunk, from } = actor.held.get(seq)!.part;
        goesOn.set(chunk, Math.min(from, goesOn.get(chunk) ?? from));
      }
      give(seqs, narrow);
    };
  }

  #poisoned({ chunk, from, to }: { chunk: string; from: number; to: number }): boolean {
    for (let index = from; index < to; index++) if (this.#poison.has(`${chunk}.${index}`)) return true;
    return false;
  }

  #crash(actor: FakeActor, kind = EXITS[this.#below(EXITS.length)]!): void {
    const [only, ...others] = actor.held.values();
    if (only && others.length === 0 && only.part.count === 1) this.#crashed.add(`${only.part.chunk}.${only.part.from}`);
    actor.exit({ kind, reason: kind });
  }

  /** As a thread does: what follows in the chunk comes back as well, perhaps a little later. */
  #return(actor: FakeActor, seq: number, narrow: boolean): void {
    const { chunk, from } = actor.held.get(seq)!.part;
    const behind = [...actor.held].flatMap(([other, { part }]) =>
      part.chunk === chunk && part.from > from ? [other] : [],
    );
    actor.return([seq], narrow);
    const left = behind.filter((other) => actor.held.has(other));
    if (left.length > 0) actor.return(left, false);
  }

  /** The first of its chunk's pieces: they end in order. */
  #settle(actor: FakeActor, seq: number): void {
    const { chunk } = actor.held.get(seq)!.part;
    const [first] = [...actor.held]
      .filter(([, { part }]) => part.chunk === chunk)
      .sort(([, a], [, b]) => a.part.from - b.part.from);
    const [number, { part }] = first!;
    if (this.#asked.has(number)) return;
    if (this.#poisoned(part)) return this.#crash(actor, "crash");
    const rejected: Rejected[] = [];
    const written: string[] = [];
    for (let index = part.from; index < part.to; index++) {
      if (this.#chaos && this.#chance(0.03)) {
        rejected.push({ seq: number, index, reason: "no" });
        this.#rejected.add(`${chunk}.${index}`);
      } else written.push(`${chunk}.${index}`);
    }
    const settle = () => {
      for (const id of written) this.#written.add(id);
      actor.settle([number], rejected);
    };
    if (this.#kind === "writer" || rejected.length === 0) return settle();
    this.#asked.add(number);
    actor.events.rejecting!(rejected, () => {
      const { letters } = this.house.lists.find(({ chunks }) => chunks.has(chunk))!.chunks.get(chunk)!;
      for (const { index } of rejected) this.#must(letters.has(index), `${chunk}.${index} is told to be stored`);
      // Else it was given back meanwhile.
      if (actor.held.has(number)) settle();
    });
  }

  async #trouble(call: LogCall): Promise<void> {
    if (this.#chance(0.5)) await new Promise((resolve) => setTimeout(resolve, this.#below(50)));
    if (this.#chaos && this.#chance(call === "extend" ? 0.2 : 0.05)) throw new Error(`${call} failed`);
  }

  #acknowledged(name: string): void {
    const list = this.house.lists.find(({ chunks }) => chunks.has(name))!;
    const { ref, letters } = list.chunks.get(name)!;
    for (let index = 0; index < ref.records; index++) {
      const id = `${name}.${index}`;
      if (letters.has(index)) this.#must(this.#rejected.has(id) || this.#crashed.has(id), `${id} is a dead letter`);
      else this.#must(this.#written.has(id), `${id} is acknowledged, not written`);
    }
  }

  /** What is thrown in the midst of it would be taken for a fault of the log. */
  #must(holds: boolean, otherwise: string): void {
    if (!holds) this.#violations.push(otherwise);
  }

  /** No more trouble: all must be delivered, and nothing be left over. */
  async #calm(): Promise<void> {
    this.#chaos = false;
    const { house } = this;
    house.sink.crew.resume();
    expect(this.#violations).toEqual([]);
    for (const list of house.lists) list.giveBack();
    const left = () =>
      house.lists.flatMap((list) => [...list.chunks.keys()].filter((c) => !list.in("done").includes(c)));
    for (let i = 0; i < 9000 && (left().length > 0 || !house.sink.empty); i++) {
      house.sink.crew.probe();
      // Something must pass for a suspect to be condemned.
      if (i % 50 === 49) house.lists[0]!.add(++this.#chunks, 1);
      for (const actor of house.alive) {
        this.#look(actor);
        for (const seq of actor.revoked) {
          if (this.#asked.has(seq) && actor.held.has(seq)) this.#return(actor, seq, false);
        }
        actor.revoked.clear();
        if (actor.state === "starting") actor.open(this.#kind);
        if (actor.state !== "open") continue;
        // It crashes while it is added: one that crashes in a flush cannot be found.
        if ([...actor.held.values()].some(({ part }) => this.#poisoned(part))) this.#crash(actor, "crash");
        if (this.#kind === "gatherer")
          actor.release([...actor.held].flatMap(([seq, { released }]) => (released ? [] : [seq])));
        for (const seq of [...actor.held.keys()]) if (actor.held.has(seq)) this.#settle(actor, seq);
      }
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(this.#violations).toEqual([]);
    expect(left(), "chunks left").toEqual([]);
    expect(house.sink.empty, "holdings left").toBe(true);
    for (let i = 0; i < 100 && house.sink.crew.open().length < house.sink.config.actors; i++) {
      house.sink.crew.probe();
      for (const actor of house.alive) if (actor.state === "starting") actor.open(this.#kind);
      await vi.advanceTimersByTimeAsync(2000);
    }
    const { pieces, ahead } = creditFor(limitsFor(READY, 0), this.#kind);
    const credit = (pieces + ahead) * house.sink.config.actors;
    // Looks for new chunks take some of it now and then.
    for (let i = 0; i < 100 && house.sink.credit() < credit; i++) await vi.advanceTimersByTimeAsync(10);
    expect(house.sink.credit(), "credit").toBe(credit);
    expect(house.pool.used, "memory in use").toBe(house.reader.unpinnedBytes);
    const before = Date.now();
    const stopped = house.stop(5000);
    await vi.advanceTimersByTimeAsync(7000);
    await stopped;
    expect(Date.now() - before).toBeLessThanOrEqual(7000);
  }

  #chance(p: number): boolean {
    return this.#random() < p;
  }

  #below(n: number): number {
    return Math.floor(this.#random() * n);
  }
}

test("whatever actors and the log do, each chunk is acknowledged when all of its records have an end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom("writer" as const, "gatherer" as const),
      async (seed, actors, kind) => {
        vi.clearAllTimers();
        await new Script(seed, actors, kind).run(150);
      },
    ),
    { numRuns: 20 },
  );
}, 60_000);
