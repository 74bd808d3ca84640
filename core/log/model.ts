import fc from "fast-check";
import { readAll, sleep } from "./conformance.ts";
import { isLogError, LOG_ERROR_CODES } from "./errors.ts";
import type { ChunkRef, DeliveryLog, ListLog, SinkEntry } from "./log.ts";

/**
 * Random steps on a real engine with a model beside it. The model knows what was pushed and what each sink has
 * acknowledged; after every step nothing may be deleted that a sink has not acknowledged, no chunk may change, and what
 * is done must stay done. At the end all runs to rest, and every sink must have every record.
 */
export interface World {
  /** Another instance over the same data, open; `sinks` as configured there. */
  open(sinks: readonly SinkEntry[]): Promise<DeliveryLog>;
  push(log: DeliveryLog, texts: readonly string[]): Promise<void>;
  /** Instances that may run at once. */
  readonly instances: number;
  readonly leaseMs: number;
  /** Throws when what is stored is not consistent. */
  verify?(): Promise<void>;
  /** At rest nothing but bookkeeping may be left. */
  verifyRest?(): Promise<void>;
  /** The server forgets a group, as a promoted replica may. */
  loseGroup?(sink: string): Promise<void>;
  /** The next reply is thrown away and its connection cut; `calm` takes the order back. */
  loseReply?(): void;
  calm?(): void;
  /** Takes a copy of all data; the function given back puts it in place again and cuts all connections. */
  snapshot?(): Promise<() => Promise<void>>;
}

const SINK_NAMES = ["a", "b", "c"] as const;
type SinkName = (typeof SINK_NAMES)[number];

export type Step =
  | { do: "push"; count: number }
  | { do: "claim"; at: number }
  | { do: "take"; at: number; sink: SinkName; chunks: number }
  | { do: "takeover"; at: number; sink: SinkName; chunks: number }
  | { do: "ack"; at: number; sink: SinkName; chunks: number }
  | { do: "release"; at: number; sink: SinkName; chunks: number }
  | { do: "extend"; at: number; sink: SinkName }
  | { do: "crash"; at: number }
  | { do: "expire" }
  | { do: "sweep"; at: number }
  | { do: "add sink" }
  | { do: "lose group"; sink: SinkName }
  | { do: "lose reply" }
  | { do: "snapshot" }
  | { do: "restore" };

export function steps(): fc.Arbitrary<Step[]> {
  const at = fc.nat({ max: 1 });
  const sink = fc.constantFrom(...SINK_NAMES);
  const chunks = fc.integer({ min: 1, max: 3 });
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("push" as const), count: fc.integer({ min: 1, max: 25 }) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("claim" as const), at }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant("take" as const), at, sink, chunks }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("takeover" as const), at, sink, chunks }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("ack" as const), at, sink, chunks }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("release" as const), at, sink, chunks }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("extend" as const), at, sink }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const), at }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("expire" as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("sweep" as const), at }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("add sink" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("lose group" as const), sink }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("lose reply" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("snapshot" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restore" as const) }) },
  );
  return fc.array(step, { minLength: 10, maxLength: 40, size: "max" });
}

/** All that may happen to chunks, with two instances that share a sink. */
export const LIFE: readonly Step[] = [
  { do: "push", count: 25 },
  { do: "claim", at: 0 },
  { do: "take", at: 0, sink: "a", chunks: 2 },
  { do: "take", at: 1, sink: "a", chunks: 1 },
  { do: "take", at: 1, sink: "b", chunks: 3 },
  { do: "extend", at: 0, sink: "a" },
  { do: "ack", at: 1, sink: "b", chunks: 2 },
  { do: "push", count: 5 },
  { do: "claim", at: 1 },
  { do: "expire" },
  { do: "takeover", at: 1, sink: "a", chunks: 3 },
  { do: "ack", at: 0, sink: "a", chunks: 1 },
  { do: "release", at: 1, sink: "a", chunks: 1 },
  { do: "takeover", at: 0, sink: "a", chunks: 3 },
  { do: "sweep", at: 0 },
  { do: "ack", at: 1, sink: "b", chunks: 3 },
  { do: "sweep", at: 1 },
];

/** That life, with one of the instances dying ahead of a step. */
export function crashedAt(step: number, instance: number): Step[] {
  return LIFE.toSpliced(step, 0, { do: "crash", at: instance });
}

interface Instance {
  log: DeliveryLog;
  held: Map<SinkName, ChunkRef[]>;
}

interface Sink {
  /** Records that it must have in the end. */
  expected: Set<string>;
  /** Records that it has acknowledged. */
  acked: Set<string>;
  /** Chunks that it has acknowledged, and that so must never come again. */
  done: Set<string>;
}

/** Runs the steps, then all to rest; throws on the first thing that is not as it must be. */
export async function run(world: World, plan: readonly Step[]): Promise<void> {
  const simulation = new Simulation(world);
  try {
    await simulation.start();
    for (const step of plan) {
      await simulation.step(step);
      await world.verify?.();
    }
    await simulation.rest();
  } finally {
    await simulation.end();
  }
}

class Simulation {
  readonly #world: World;
  #instances: Instance[] = [];
  #sinks = new Map<SinkName, Sink>();
  #pushed: string[] = [];
  #count = 0;
  /** Every chunk ever seen, and its content once read. */
  #contents = new Map<string, string[]>();
  #present = new Map<string, ChunkRef>();
  #restore: (() => Promise<void>) | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  async start(): Promise<void> {
    this.#sinks.set("a", newSink([])).set("b", newSink([]));
    while (this.#instances.length < this.#world.instances) this.#instances.push(await patiently(() => this.#open()));
  }

  async end(): Promise<void> {
    for (const { log } of this.#instances) await log.close();
  }

  /** One step; a connection that breaks in it has done its work or not, and is waited for. */
  async step(step: Step): Promise<void> {
    try {
      await this.#step(step);
    } catch (error) {
      if (!isLogError(error, LOG_ERROR_CODES.unavailable)) throw error;
      for (const { log } of this.#instances) await reconnected(log);
    }
  }

  async #step(step: Step): Promise<void> {
    const instance = this.#instances[("at" in step ? step.at : 0) % this.#instances.length]!;
    if ("sink" in step && !this.#sinks.has(step.sink)) return;
    const list = instance.log.lists[0]!;
    switch (step.do) {
      case "push":
        return this.#push(instance, step.count);
      case "claim":
        await list.claim();
        return;
      case "take": {
        const [refs] = await list.take([{ sink: step.sink, chunks: step.chunks }]);
        return this.#receive(instance, step.sink, refs!, step.chunks);
      }
      case "takeover":
        return this.#receive(instance, step.sink, await list.takeover(step.sink, step.chunks), step.chunks);
      case "ack":
        return this.#ack(instance, step.sink, step.chunks);
      case "release": {
        const refs = heldBy(instance, step.sink).splice(0, step.chunks);
        return list.release(step.sink, refs);
      }
      case "extend": {
        const lost = new Set((await list.extend(step.sink, heldBy(instance, step.sink))).map(({ chunk }) => chunk));
        instance.held.set(
          step.sink,
          heldBy(instance, step.sink).filter(({ chunk }) => !lost.has(chunk)),
        );
        return;
      }
      case "crash":
        await instance.log.close();
        this.#instances[this.#instances.indexOf(instance)] = await patiently(() => this.#open());
        return;
      case "expire":
        return sleep(this.#world.leaseMs + 10);
      case "sweep":
        await list.sweep();
        return this.#checkDeletions(list);
      case "add sink":
        return this.#addSink();
      case "lose group":
        if (this.#world.loseGroup === undefined) return;
        await this.#world.loseGroup(step.sink);
        this.#sinks.get(step.sink)!.done.clear();
        return;
      case "lose reply":
        return this.#world.loseReply?.();
      case "snapshot":
        return this.#snapshot();
      case "restore":
        return this.#restore?.();
    }
  }

  /** No more faults: everything must reach every sink, and then be gone. */
  async rest(): Promise<void> {
    const deadline = performance.now() + 20 * this.#world.leaseMs + 2000;
    const short = () =>
      [...this.#sinks].flatMap(([name, { expected, acked }]) => {
        const lacking = [...expected].filter((text) => !acked.has(text));
        return lacking.length === 0 ? [] : [`${name} lacks ${lacking}`];
      });
    this.#world.calm?.();
    for (const instance of this.#instances) {
      instance.held.clear();
      await reconnected(instance.log);
    }
    for (;;) {
      let moved = 0;
      for (const instance of this.#instances) {
        const list = instance.log.lists[0]!;
        for (let left = 1; left > 0; ) ({ left } = await patiently(() => list.claim()));
        for (const name of this.#sinks.keys()) {
          const [taken] = await list.take([{ sink: name, chunks: 100 }]);
          const refs = [...taken!, ...(await list.takeover(name, 100))];
          moved += refs.length;
          await this.#receive(instance, name, refs, 200);
          await this.#ack(instance, name, Number.POSITIVE_INFINITY);
        }
        moved += await list.sweep();
        await this.#checkDeletions(list);
      }
      if (moved === 0 && short().length === 0 && this.#present.size === 0) break;
      if (performance.now() > deadline) {
        throw new Error(`lost, or never at rest: ${short().join("; ")}; chunks left: ${this.#present.size}`);
      }
      if (moved === 0) await sleep(10);
    }
    await this.#world.verify?.();
    await this.#world.verifyRest?.();
  }

  async #open(): Promise<Instance> {
    return { log: await this.#world.open(this.#entries()), held: new Map() };
  }

  #entries(): SinkEntry[] {
    return [...this.#sinks.keys()].map((name) => ({ name, fingerprint: "" }));
  }

  async #push(instance: Instance, count: number): Promise<void> {
    const texts = Array.from({ length: count }, () => `r${this.#count++}`);
    await this.#world.push(instance.log, texts);
    this.#pushed.push(...texts);
    for (const { expected } of this.#sinks.values()) for (const text of texts) expected.add(text);
  }

  async #receive(instance: Instance, name: SinkName, refs: readonly ChunkRef[], credit: number): Promise<void> {
    if (refs.length > credit) throw new Error(`${refs.length} chunks for a credit of ${credit}`);
    const held = heldBy(instance, name);
    for (const ref of refs) {
      if (this.#sinks.get(name)!.done.has(ref.chunk)) throw new Error(`${ref.chunk} came to ${name} after it was done`);
      const texts = await readAll(instance.log.lists[0]!, ref);
      const before = this.#contents.get(ref.chunk);
      if (before !== undefined && before.join() !== texts.join()) throw new Error(`${ref.chunk} changed`);
      this.#contents.set(ref.chunk, texts);
      this.#present.set(ref.chunk, ref);
      if (!held.some(({ chunk }) => chunk === ref.chunk)) held.push(ref);
    }
  }

  async #ack(instance: Instance, name: SinkName, chunks: number): Promise<void> {
    const sink = this.#sinks.get(name)!;
    const refs = heldBy(instance, name).splice(0, chunks);
    if (refs.length === 0) return;
    // Written, whoever holds them now and whether the acknowledgement arrives or not.
    for (const { chunk } of refs) for (const text of this.#contents.get(chunk)!) sink.acked.add(text);
    const done = await instance.log.lists[0]!.ack(name, refs);
    // Were some no longer ours, another's hands or a lost group may bring them again.
    if (done === refs.length) for (const { chunk } of refs) sink.done.add(chunk);
  }

  async #addSink(): Promise<void> {
    if (this.#sinks.has("c")) return;
    // All that is not deleted yet, as far as it was seen; what nobody saw yet cannot be deleted.
    const seen = new Set([...this.#contents.values()].flat());
    const expected = this.#pushed.filter((text) => !seen.has(text));
    for (const chunk of this.#present.keys()) expected.push(...this.#contents.get(chunk)!);
    this.#sinks.set("c", newSink(expected));
    for (const { log } of this.#instances) await patiently(() => log.register(this.#entries()));
  }

  async #snapshot(): Promise<void> {
    if (this.#world.snapshot === undefined) return;
    const back = await this.#world.snapshot();
    const pushed = [...this.#pushed];
    const present = new Map(this.#present);
    const expected = new Map([...this.#sinks].map(([name, sink]) => [name, new Set(sink.expected)]));
    this.#restore = async () => {
      await back();
      for (const { log } of this.#instances) await reconnected(log);
      this.#pushed = [...pushed];
      this.#present = new Map(present);
      // A sink that is younger than the snapshot sees what the snapshot still has, and that is seen when it is read.
      for (const [name, sink] of this.#sinks) {
        sink.expected = new Set(expected.get(name) ?? []);
        sink.done.clear();
      }
    };
  }

  /** A chunk that was seen and is gone must be done by all. */
  async #checkDeletions(list: ListLog): Promise<void> {
    const slab = new SharedArrayBuffer(4096);
    for (const ref of [...this.#present.values()]) {
      if (!("missing" in (await patiently(() => list.read(ref, 0, slab))))) continue;
      this.#present.delete(ref.chunk);
      for (const [name, { acked, expected }] of this.#sinks) {
        const lost = this.#contents.get(ref.chunk)!.filter((text) => expected.has(text) && !acked.has(text));
        if (lost.length > 0) throw new Error(`${ref.chunk} was deleted and ${name} lacks ${lost}`);
      }
    }
  }
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLogError(error, LOG_ERROR_CODES.unavailable)) throw error;
      await sleep(5);
    }
  }
}

/** The old connection is dead, so that an answer means a new one. */
async function reconnected(log: DeliveryLog): Promise<void> {
  await patiently(() => log.usage());
}

function newSink(expected: readonly string[]): Sink {
  return { expected: new Set(expected), acked: new Set(), done: new Set() };
}

function heldBy(instance: Instance, sink: SinkName): ChunkRef[] {
  let refs = instance.held.get(sink);
  if (refs === undefined) {
    refs = [];
    instance.held.set(sink, refs);
  }
  return refs;
}
