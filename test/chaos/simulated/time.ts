import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { Random } from "../random.ts";

/** A process, or a thread of one: what dies, stands still, and has a wall clock and a dice of its own. */
export class Realm {
  readonly name: string;
  readonly simulation: Simulation;
  readonly random: Random;
  /** Its wall clock is so far ahead, ms. */
  clockOffset = 0;
  readonly #parent: Realm | null;
  #dead = false;
  #stopped = false;
  /** What fell due while it stood still. */
  readonly #held: Task[] = [];

  constructor(simulation: Simulation, name: string, parent: Realm | null = null) {
    this.simulation = simulation;
    this.name = name;
    // Another life of the same name has another dice.
    this.random = new Random(simulation.seed, `${name} ${simulation.lives(name)}`);
    this.#parent = parent;
  }

  get gone(): boolean {
    return this.#dead || (this.#parent?.gone ?? false);
  }

  /** The realm that stands still: this one, or one around it. */
  get halted(): Realm | null {
    return this.#stopped ? this : (this.#parent?.halted ?? null);
  }

  get wallOffset(): number {
    return this.clockOffset + (this.#parent?.wallOffset ?? 0);
  }

  /** Nothing of it ever runs again. */
  die(): void {
    this.#dead = true;
  }

  stop(): void {
    this.#stopped = true;
  }

  continue(): void {
    this.#stopped = false;
    for (const task of this.#held.splice(0)) this.simulation.push(task, this.simulation.now);
  }

  hold(task: Task): void {
    this.#held.push(task);
  }

  /** Runs `work` as this realm: timers and dice that it uses are this realm's. */
  run<T>(work: () => T): T {
    return current.run(this, work);
  }

  after(ms: number, work: () => void): Task {
    return this.simulation.schedule(ms, this, work);
  }
}

export interface Task {
  at: number;
  /** Ties are broken in the order of scheduling. */
  order: number;
  readonly realm: Realm;
  readonly work: () => void;
  /** Of an interval, ms. */
  readonly every: number | null;
  cancelled: boolean;
}

const current = new AsyncLocalStorage<Realm>();
const START = Date.UTC(2024, 4, 1);
const real = { setImmediate: globalThis.setImmediate };

/** Time that passes only when nothing is left to do at this instant. One task at a time, and all that follows from it. */
export class Simulation {
  readonly seed: number;
  /** Since the start, ms. */
  now = 0;
  /** Where no process is at fault: servers, the network, the gateway. */
  readonly world: Realm;
  #tasks: Task[] = [];
  #order = 0;
  readonly #lives = new Map<string, number>();
  steps = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.world = new Realm(this, "world");
  }

  get wall(): number {
    return START + this.now;
  }

  /** How many there were of this name before. */
  lives(name: string): number {
    const lives = this.#lives.get(name) ?? 0;
    this.#lives.set(name, lives + 1);
    return lives;
  }

  schedule(ms: number, realm: Realm, work: () => void, every: number | null = null): Task {
    const task: Task = { at: 0, order: 0, realm, work, every, cancelled: false };
    this.push(task, this.now + Math.max(0, ms));
    return task;
  }

  push(task: Task, at: number): void {
    task.at = at;
    task.order = this.#order++;
    const tasks = this.#tasks;
    let i = tasks.push(task) - 1;
    for (let up = (i - 1) >> 1; i > 0 && isBefore(task, tasks[up]!); i = up, up = (i - 1) >> 1) tasks[i] = tasks[up]!;
    tasks[i] = task;
  }

  /** Until `ended`, or nothing is left, or so late it is. */
  async runUntil(ended: () => boolean, latest: number): Promise<void> {
    while (!ended()) {
      const next = this.#tasks[0];
      if (next === undefined || next.at > latest) {
        this.now = Math.max(this.now, latest);
        return;
      }
      this.#pop();
      if (next.cancelled || next.realm.gone) continue;
      this.now = Math.max(this.now, next.at);
      const halted = next.realm.halted;
      if (halted) {
        halted.hold(next);
        continue;
      }
      this.steps++;
      if (next.every !== null) this.push(next, this.now + next.every);
      next.realm.run(next.work);
      await new Promise((resolve) => real.setImmediate(resolve));
    }
  }

  #pop(): void {
    const tasks = this.#tasks;
    const last = tasks.pop()!;
    if (tasks.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= tasks.length) break;
      if (child + 1 < tasks.length && isBefore(tasks[child + 1]!, tasks[child]!)) child++;
      if (!isBefore(tasks[child]!, last)) break;
      tasks[i] = tasks[child]!;
      i = child;
    }
    tasks[i] = last;
  }
}

function isBefore(a: Task, b: Task): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}

/** A timer as Node gives one. */
class Timer {
  readonly task: Task;

  constructor(task: Task) {
    this.task = task;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

/** The realm whose code runs now. */
export function realmNow(): Realm {
  const realm = current.getStore();
  if (!realm) throw new Error("no realm: this runs outside of the simulation");
  return realm;
}

type Work = (...args: unknown[]) => void;

/**
 * Puts time and dice of the realm in place of Node's, for code that runs in one; all other code keeps the real ones. Answers what takes
 * it back.
 */
export function virtualTime(): () => void {
  const require = createRequire(import.meta.url);
  const undo: (() => void)[] = [];
  const replace = (object: object, name: string, by: (original: (...args: never[]) => unknown) => unknown) => {
    const own = Object.getOwnPropertyDescriptor(object, name);
    const original = Reflect.get(object, name);
    Object.defineProperty(object, name, { value: by(original), configurable: true, writable: true, enumerable: true });
    undo.push(() => {
      if (own) Object.defineProperty(object, name, own);
      else Reflect.deleteProperty(object, name);
    });
  };
  const inRealm = (object: object, name: string, instead: (realm: Realm, ...args: never[]) => unknown) =>
    replace(
      object,
      name,
      (original) =>
        function (this: unknown, ...args: never[]) {
          const realm = current.getStore();
          return realm ? instead(realm, ...args) : Reflect.apply(original, this, args);
        },
    );
  const timer = (realm: Realm, work: Work, ms: number | undefined, args: unknown[], every: number | null) =>
    // A timer takes a millisecond at least.
    new Timer(realm.simulation.schedule(Math.max(1, ms ?? 0), realm, () => work(...args), every));
  const clear = (original: (...args: never[]) => unknown) =>
    function (this: unknown, of: unknown) {
      if (of instanceof Timer) of.task.cancelled = true;
      else Reflect.apply(original, this, [of as never]);
    };

  inRealm(globalThis, "setTimeout", (realm, work: Work, ms?: number, ...args: unknown[]) =>
    timer(realm, work, ms, args, null),
  );
  inRealm(globalThis, "setInterval", (realm, work: Work, ms?: number, ...args: unknown[]) =>
    timer(realm, work, ms, args, Math.max(1, ms ?? 0)),
  );
  inRealm(globalThis, "setImmediate", (realm, work: Work, ...args: unknown[]) => {
    return new Timer(realm.after(0, () => work(...args)));
  });
  for (const name of ["clearTimeout", "clearInterval", "clearImmediate"]) replace(globalThis, name, clear);
  inRealm(Date, "now", ({ simulation, wallOffset }) => Math.floor(simulation.wall + wallOffset));
  inRealm(performance, "now", ({ simulation }) => simulation.now);
  inRealm(Math, "random", ({ random }) => random.next());
  const promises = require("node:timers/promises") as object;
  inRealm(promises, "setTimeout", (realm, ms: number, value: unknown) => {
    return new Promise((resolve) => realm.after(Math.max(1, ms), () => resolve(value)));
  });
  inRealm(require("node:crypto"), "randomBytes", ({ random }, size: number) => {
    return Buffer.from(Array.from({ length: size }, () => random.below(256)));
  });
  inRealm(require("node:os"), "availableParallelism", () => 2);
  syncBuiltinESMExports();
  return () => {
    for (const take of undo.reverse()) take();
    syncBuiltinESMExports();
  };
}
