import { type AnyDefinition, type FromThread, Runtime, type ToThread } from "@sluice/sdk/runtime";
import type { Exit } from "../../../core/actor/actor.ts";
import type { Body, BodyEvents, MakeBody } from "../../../core/actor/body.ts";
import { ENDED_BY_RUNTIME } from "../../../core/actor/exit-codes.ts";
import { slabSender } from "../../../core/actor/slab-sender.ts";
import { Realm, realmNow, type Task } from "./time.ts";

const MESSAGE_MS = 2;
const SLOW_SHARE = 0.02;
const SLOW_MS = 200;
/** Native code holds a thread that is to end for so long at most. */
const HELD_MS = 8000;

/** What a definition is told of the thread that runs it. */
export interface Thread {
  readonly realm: Realm;
  readonly process: Realm;
  readonly sink: string;
  /** Ends it, as process.exit does. */
  exit(code: number): void;
}

export interface BodyHooks {
  definition(thread: Thread): AnyDefinition;
  /** A thread began; what is given back is told of its end: since when it was closing, and whether nothing was in its hands any more. */
  begun(body: SimulatedBody): (end: { from: number; to: number; clean: boolean }) => void;
  /** Alters what a thread says: for mutants. */
  alter(message: FromThread): FromThread;
}

/** A thread without a thread: the real runtime in this one, its messages on their way for a while, its end at any moment. */
export class SimulatedBody implements Body {
  readonly send: Body["send"];
  readonly forget: Body["forget"];
  readonly thread: Thread;
  readonly #events: BodyEvents;
  readonly #hooks: BodyHooks;
  readonly #ended: ReturnType<BodyHooks["begun"]>;
  readonly #runtime: Runtime;
  #toUntil = 0;
  #fromUntil = 0;
  #closingSince: number | null = null;
  #over = false;
  /** Sent and not given back. */
  readonly #open = new Set<number>();

  constructor(name: string, events: BodyEvents, hooks: BodyHooks) {
    const process = realmNow();
    const realm = new Realm(process.simulation, `${process.name} ${name}`, process);
    this.#events = events;
    this.#hooks = hooks;
    this.thread = { realm, process, sink: name.slice(0, name.lastIndexOf("#")), exit: (code) => this.exit(code) };
    this.#ended = hooks.begun(this);
    const { send, forget } = slabSender((message) => this.#tell(message));
    this.send = send;
    this.forget = forget;
    this.#runtime = realm.run(
      () =>
        new Runtime({
          post: (message) => this.#hear(message),
          load: async () => hooks.definition(this.thread),
          end: () => this.exit(ENDED_BY_RUNTIME),
          clock: { now: () => Date.now(), after: (ms, task) => cancelOf(realm.after(Math.max(1, ms), task)) },
        }),
    );
  }

  post(message: Parameters<Body["post"]>[0]): void {
    if (message.t === "close") this.#closingSince ??= this.thread.realm.simulation.now;
    this.#tell(message);
  }

  kill(): void {
    if (this.#over) return;
    const { random, halted, simulation } = this.thread.realm;
    // From now on others may have what it had, though it may be held for long.
    this.#closingSince ??= simulation.now;
    // A loop of JavaScript ends at once, native code does not.
    const held = halted === this.thread.realm && random.chance(0.3) ? random.between(0, HELD_MS) : 0;
    this.thread.process.after(held + random.between(0, MESSAGE_MS), () => this.exit(null));
  }

  async usage() {
    return { cpuSeconds: 0, eventLoopUse: 0 };
  }

  startCpuProfile(): Promise<never> {
    return Promise.reject(new Error("there is no thread to profile"));
  }

  /** Ends in the midst of whatever it does; what it said before is heard. */
  exit(code: number | null): void {
    if (this.#over) return;
    this.#over = true;
    const { realm, process } = this.thread;
    const { now } = realm.simulation;
    realm.die();
    this.#ended({ from: this.#closingSince ?? now, to: now, clean: this.#open.size === 0 });
    this.#fromUntil = Math.max(this.#fromUntil, now + this.#delay());
    process.after(this.#fromUntil - now, () => this.#events.exited(code));
  }

  /** Somebody outside ends it, for this reason. */
  fail(exit: Exit): void {
    this.thread.process.run(() => this.#events.failed(exit));
  }

  get over(): boolean {
    return this.#over || this.thread.realm.gone;
  }

  #tell(message: ToThread): void {
    if (message.t === "batch") this.#open.add(message.seq);
    const { realm } = this.thread;
    const { now } = realm.simulation;
    this.#toUntil = Math.max(this.#toUntil, now + this.#delay());
    realm.after(this.#toUntil - now, () => this.#runtime.receive(message));
  }

  #hear(message: FromThread): void {
    if (this.#over) return;
    if (message.t === "settled" || message.t === "returned") for (const seq of message.seqs) this.#open.delete(seq);
    const { process } = this.thread;
    const { now } = process.simulation;
    this.#fromUntil = Math.max(this.#fromUntil, now + this.#delay());
    process.after(this.#fromUntil - now, () => this.#events.message(this.#hooks.alter(message)));
  }

  #delay(): number {
    const { random } = this.thread.realm;
    return random.chance(SLOW_SHARE) ? random.between(0, SLOW_MS) : random.between(0, MESSAGE_MS);
  }
}

function cancelOf(task: Task): () => void {
  return () => {
    task.cancelled = true;
  };
}

export function simulatedBodies(hooks: BodyHooks): MakeBody {
  return (name, _home, _heap, events) => new SimulatedBody(name, events, hooks);
}
