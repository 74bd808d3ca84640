import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FromThread } from "@sluice/sdk/runtime";
import type { MakeBody } from "../../../core/actor/body.ts";
import type { DeliveryLog } from "../../../core/log/log.ts";
import type { RedisLogOptions } from "../../../core/log/redis.ts";
import { FREE } from "../../../core/log/scripts.ts";
import { Ledger } from "../ledger.ts";
import { Random } from "../random.ts";
import { numberIn, recordOf } from "../records.ts";
import { type SimulatedBody, simulatedBodies } from "./body.ts";
import { Contents } from "./contents.ts";
import type { Told } from "./engine.ts";
import { Counter, FarEnd } from "./far-end.ts";
import { Instance, listsOf } from "./instance.ts";
import type { Event, Plan } from "./plan.ts";
import type { Data } from "./redis.ts";
import { type Request, Server } from "./server.ts";
import { definitionOf, type SinkPlan } from "./sinks.ts";
import { Simulation } from "./time.ts";

/** A rule of the core that is broken on purpose, to see that the check notices. */
export interface Mutant {
  options?: RedisLogOptions;
  request?(request: Request): Request;
  log?(log: DeliveryLog): DeliveryLog;
  message?(message: FromThread): FromThread;
}

/** Nothing that one process does not hear for less than this share of a lease costs it the lease: it renews each quarter. */
const HARMLESS = 0.5;
/** So long a call may be under way that was begun before a fault. */
const SETTLE_MS = 1000;

/** Files of a run are gone soon: memory will do. */
const FOLDERS = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const MOST_LETTERS = 100_000;

/** All that a run is made of, and what happens to it. */
export class World implements Told {
  readonly plan: Plan;
  readonly mutant: Mutant;
  readonly simulation: Simulation;
  readonly server: Server;
  readonly ledger = new Ledger();
  readonly instances: (Instance | null)[];
  readonly #farEnds = new Map<string, FarEnd>();
  readonly #counters = new Map<string, Counter>();
  readonly #random: Random;
  readonly #contents: Contents;
  readonly #tell: ((line: string) => void) | null;
  #next = 0;
  #folder: string | null = null;

  /** `tell` is told all that happens. */
  constructor(plan: Plan, mutant: Mutant = {}, tell: ((line: string) => void) | null = null) {
    this.plan = plan;
    this.mutant = mutant;
    this.#tell = tell;
    this.simulation = new Simulation(plan.seed);
    this.#random = new Random(plan.seed, "world");
    this.server = new Server(this.simulation);
    this.#contents = new Contents(this.server, listsOf(plan.lists));
    if (mutant.request) this.server.alter = (request) => mutant.request!(request);
    this.server.redis.changesHands = (from, to, idleMs, { log, sink, entry }) => {
      if (from === FREE || to === FREE) return;
      if (idleMs < plan.leaseMs) {
        this.ledger.fault(`${to} took a chunk of ${from}, who was idle for ${Math.round(idleMs)} ms only`);
      } else if (this.ledger.excused(sink, this.simulation.now)) {
        // A call of its former owner that is tried again and again may end well long after that fault, and another's as well.
        for (const n of this.#contents.recordsOf(log, entry)) this.ledger.excuseRecord(sink, n);
      }
    };
    this.server.acknowledged = (log, sink, entries) => {
      for (const entry of entries) this.acknowledged(sink, this.#contents.recordsOf(log, entry));
    };
    this.server.released = (log, sink, entries) => {
      for (const entry of entries) this.released(sink, this.#contents.recordsOf(log, entry));
    };
    this.instances = plan.instances.map(() => null);
    for (const { name, kind, latencyMs, poison } of plan.sinks) {
      this.ledger.addSink(name, { poison: poison.numbers, exact: kind === "counter" });
      this.#farEnds.set(name, new FarEnd(name, latencyMs, this.ledger, new Random(plan.seed, name)));
      this.#counters.set(name, new Counter());
    }
  }

  say(line: string): void {
    this.#tell?.(`${(this.simulation.now / 1000).toFixed(3).padStart(9)}  ${line}`);
  }

  start(): void {
    for (let i = 0; i < this.instances.length; i++) this.#begin(i);
    for (const [i, event] of this.plan.events.entries()) {
      this.simulation.schedule(event.at, this.simulation.world, () => {
        this.say(`${i}: ${JSON.stringify(event)}`);
        this.#happen(event);
      });
    }
  }

  /** Pushes records of numbers that were not used before. */
  push(list: number, count: number, large: boolean): void {
    if (this.server.away || this.server.realm.halted) {
      // A gateway tries again.
      this.#later(500, () => this.push(list, count, large));
      return;
    }
    const records = Array.from({ length: count }, () => {
      const n = this.#next++;
      this.ledger.pushed(n, this.simulation.now);
      return [n, recordOf(n, large)] as const;
    });
    this.#contents.push(this.#contents.lists[list]!, records);
  }

  /** Ends all that is wrong: whoever is gone is back, and everything works. */
  calm(): void {
    this.server.comeBack();
    this.server.realm.continue();
    this.server.refused.clear();
    for (const farEnd of this.#farEnds.values()) farEnd.mode = "up";
    for (const [i, instance] of this.instances.entries()) {
      if (!instance?.alive) {
        this.#begin(i);
        continue;
      }
      instance.link.path.blockedUntil = 0;
      instance.link.path.delayMs = 0;
      instance.link.loseReplyTo = null;
      instance.realm.continue();
    }
  }

  probe(): void {
    for (const instance of this.instances) if (instance?.alive) instance.probe();
  }

  /** Nothing is live, and all that was claimed is done with and deleted. */
  async atRest(): Promise<boolean> {
    const { redis } = this.server;
    if (this.plan.engine === "disk") {
      if (redis.data.lists.size > 0) return false;
      const usages = this.instances.map((instance) => instance!.log.usage().catch(() => null));
      return (await Promise.all(usages)).every((usage) => usage?.records === 0);
    }
    return this.#contents.done;
  }

  /** What is left over at rest, and all that the ledger finds. */
  async verdict(): Promise<string[]> {
    await this.#readLetters();
    const left = [...this.server.redis.data.lists.keys()].map((key) => `${key} is left over`);
    return [...left, ...this.ledger.verdict()];
  }

  /** Of an instance's own, over all its lives. */
  folderOf(instance: number): string {
    this.#folder ??= mkdtempSync(join(FOLDERS, "sluice-simulated-"));
    return join(this.#folder, String(instance));
  }

  end(): void {
    if (this.#folder === null) return;
    for (const instance of this.instances) if (instance?.alive) instance.kill();
    rmSync(this.#folder, { recursive: true });
  }

  acknowledged(sink: string, numbers: readonly number[]): void {
    for (const n of numbers) this.ledger.acknowledged(sink, n, this.simulation.now);
  }

  /** Of a chunk that is handed back begun, the part that was delivered comes again. */
  released(sink: string, numbers: readonly number[]): void {
    const begun = numbers.filter((n) => this.ledger.begun(sink, n));
    if (begun.length < numbers.length) for (const n of begun) this.ledger.excuseRecord(sink, n);
  }

  makeBody(instance: Instance): MakeBody {
    return simulatedBodies({
      definition: (thread) => {
        const plan = this.plan.sinks.find(({ name }) => name === thread.sink)!;
        const ends = {
          farEnd: this.#farEnds.get(plan.name)!,
          counter: this.#counters.get(plan.name)!,
          ledger: this.ledger,
        };
        return definitionOf(plan, ends, thread);
      },
      begun: (body) => {
        instance.bodies.add(body);
        return ({ from, to, clean }) => {
          instance.bodies.delete(body);
          if (!clean) this.#excuse(instance, from, to, body.thread.sink);
        };
      },
      alter: (message) => this.mutant.message?.(message) ?? message,
    });
  }

  #begin(i: number): void {
    this.instances[i] = new Instance(this, i, this.#sinksOf(i));
  }

  /** Its next life, unless that has begun. */
  #beginLater(instance: Instance, ms: number): void {
    this.#later(ms, () => {
      if (this.instances[instance.number] === instance) this.#begin(instance.number);
    });
  }

  #sinksOf(i: number): SinkPlan[] {
    return this.plan.instances[i]!.map((sink) => this.plan.sinks[sink]!);
  }

  #happen(event: Event): void {
    const { server, simulation } = this;
    if ("instance" in event) {
      const instance = this.instances[event.instance];
      if (instance?.alive) this.#strike(instance, event);
      return;
    }
    switch (event.do) {
      case "push":
        return this.push(event.list, event.count, event.large);
      case "redis ends":
        server.goDown();
        this.#later(event.ms, () => server.comeBack());
        return;
      case "redis freezes":
        server.realm.stop();
        this.#later(event.ms, () => server.realm.continue());
        return;
      case "redis rewinds": {
        const then = server.redis.copy();
        const since = simulation.now;
        this.#later(event.ms, () => this.#rewind(then, since));
        return;
      }
      case "redis refuses":
        server.refused.add(event.what);
        this.#later(event.ms, () => server.refused.delete(event.what));
        this.#silence(null, event.ms);
        return;
      case "redis clock":
        server.realm.clockOffset += event.by;
        // All leases seem to have run out, or none for so long.
        if (event.by >= this.plan.leaseMs * HARMLESS && this.plan.engine === "redis") {
          this.#excuse(null, simulation.now, this.#late(0));
        }
        return;
      case "group is lost": {
        const { name } = this.plan.sinks[event.sink]!;
        // It begins again with what is still there.
        for (const n of this.#contents.loseGroup(name)) this.ledger.excuseRecord(name, n);
        return;
      }
      case "far end": {
        const farEnd = this.#farEnds.get(this.plan.sinks[event.sink]!.name)!;
        farEnd.mode = event.mode;
        this.#later(event.ms, () => {
          farEnd.mode = "up";
        });
      }
    }
  }

  #strike(instance: Instance, event: Extract<Event, { instance: number }>): void {
    const { simulation } = this;
    const { path } = instance.link;
    switch (event.do) {
      case "kill":
        this.#excuse(instance, simulation.now, simulation.now);
        instance.kill();
        this.#beginLater(instance, event.ms);
        return;
      case "leave":
        return this.#leave(instance, event.ms);
      case "reload": {
        const names = (of: readonly number[]) => of.map((sink) => this.plan.sinks[sink]!.name);
        const all = this.#sinksOf(event.instance);
        const without = names(event.without);
        this.#reload(
          instance,
          all.filter(({ name }) => !without.includes(name)),
          names(event.replaced),
        );
        this.#later(event.ms, () => instance.alive && this.#reload(instance, all, []));
        return;
      }
      case "freeze":
        this.#interrupt(instance, event.ms);
        instance.realm.stop();
        this.#later(event.ms, () => instance.realm.continue());
        return;
      case "cut":
        return instance.link.cut();
      case "block":
        this.#silence(instance, event.ms);
        path.blockedUntil = simulation.now + event.ms;
        return;
      case "delay":
        this.#silence(instance, event.ms + 4 * event.by);
        path.delayMs = event.by;
        this.#later(event.ms, () => {
          path.delayMs = 0;
        });
        return;
      case "lose reply":
        instance.link.loseReplyTo = event.to;
        return;
      case "clock":
        instance.realm.clockOffset += event.by;
        return;
      case "actor ends": {
        const { name } = this.plan.sinks[event.sink]!;
        const bodies = [...instance.bodies].filter(({ thread, over }) => thread.sink === name && !over);
        if (bodies.length === 0) return;
        const body = this.#random.pick<SimulatedBody>(bodies);
        if (event.how === "loop") body.thread.realm.stop();
        else if (event.how === "crash") body.exit(3);
        else body.fail({ kind: "memory", reason: "its heap reached 64 MB of 64 MB allowed" });
      }
    }
  }

  #leave(instance: Instance, ms: number): void {
    const since = this.simulation.now;
    const troubled = this.#troubled(instance);
    instance.stop(() => {
      // It cannot tell what it has delivered.
      if (troubled || this.#troubled(instance)) this.#excuse(instance, since, this.simulation.now);
      // What native code or a loop still holds when the process ends.
      for (const { thread } of instance.bodies) this.#excuse(instance, since, this.simulation.now, thread.sink);
      this.#beginLater(instance, ms);
    });
  }

  #reload(instance: Instance, sinks: readonly SinkPlan[], replaced: readonly string[]): void {
    const since = this.simulation.now;
    const troubled = this.#troubled(instance);
    instance.reload(sinks, replaced, () => {
      // The sinks that left could not tell what they had delivered.
      if (troubled || this.#troubled(instance)) this.#excuse(instance, since, this.simulation.now);
    });
  }

  /** Whether this instance and the log do not understand each other just now. */
  #troubled({ link }: Instance): boolean {
    if (this.plan.engine === "disk") return false;
    const { away, realm, refused } = this.server;
    return away || realm.halted !== null || refused.size > 0 || !link.well;
  }

  /** The log heard nothing of it for so long. One on its own disk needs nobody else. */
  #silence(instance: Instance | null, ms: number): void {
    if (this.plan.engine === "redis") this.#interrupt(instance, ms);
  }

  /** It did nothing for so long: others may have what it had. */
  #interrupt(instance: Instance | null, ms: number): void {
    if (ms >= this.plan.leaseMs * HARMLESS) this.#excuse(instance, this.simulation.now, this.#late(ms));
  }

  #late(ms: number): number {
    return this.simulation.now + ms + this.plan.leaseMs + SETTLE_MS;
  }

  #excuse(instance: Instance | null, from: number, to: number, sink: string | null = null): void {
    this.ledger.excuse({ sink, instance: instance?.realm.name ?? null, from, to });
  }

  #later(ms: number, work: () => void): void {
    this.simulation.schedule(ms, this.simulation.world, work);
  }

  /** Another server takes its place, which had not heard of anything since then. */
  #rewind(then: Data, since: number): void {
    const known = new Set([...then.lists.values()].flat().map((record) => this.#contents.numberOf(record)));
    for (const [key, records] of then.lists) {
      // What was on its way to a disk is taken once more.
      const again = this.plan.engine === "disk" || this.#contents.lists.includes(key);
      if (again) for (const record of records) this.ledger.renamed(this.#contents.numberOf(record));
    }
    this.ledger.forgottenSince(since, known);
    // A dead letter that is forgotten does not come again where a watermark has passed its record.
    const counters = this.plan.sinks.filter(({ kind }) => kind === "counter").map(({ name }) => name);
    for (const { sink, n, reason } of this.#contents.letters()) {
      if (counters.includes(sink)) this.ledger.letter(sink, n, reason);
    }
    this.#excuse(null, since, this.#late(0));
    this.server.rewind(then);
  }

  async #readLetters(): Promise<void> {
    if (this.plan.engine === "disk") {
      for (const { log } of this.instances.flatMap((instance) => instance ?? [])) {
        for (const list of log.lists) {
          // One that is not open is not at rest, which is said elsewhere.
          const letters = await list.readLetters(null, MOST_LETTERS).catch(() => []);
          for (const { sink, reason, raw } of letters) this.ledger.letter(sink, numberIn(raw), reason);
        }
      }
      return;
    }
    for (const { sink, n, reason } of this.#contents.letters()) this.ledger.letter(sink, n, reason);
  }
}
