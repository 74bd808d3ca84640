import type { CloseReason, LogLevel } from "@sluice/sdk";
import {
  backoff,
  type FromThread,
  type Hello,
  OPEN_BACKOFF,
  PROTOCOL,
  type Rejected,
  withCause,
} from "@sluice/sdk/runtime";
import { Actor, type Exit } from "../actor/actor.ts";
import type { SentPiece } from "../actor/body.ts";
import { homeOf } from "../actor/home.ts";
import { type Credit, creditFor, limitsFor } from "../actor/limits.ts";
import { PROBE_MS, RestartPolicy } from "../actor/restart-policy.ts";
import type { SinkConfig } from "../config/config.ts";
import type { Logger } from "../logging/index.ts";
import { CpuAlarm } from "./cpu-alarm.ts";
import { PluginMetrics } from "./plugin-metrics.ts";
import type { ActorStatus, SinkState } from "./status.ts";

const MiB = 2 ** 20;
const CLOSE_MS = 3000;
/** What calls in flight may take before a reload, or a suspension by hand. */
const RELOAD_MS = 10_000;
const BY_HAND = "suspended by hand";
/** A sink whose calls fail for so long is not ready. */
const UNREADY_MS = 60_000;
/** Buffers may take so much more than the heap. */
const EXTERNAL_SHARE = 2;
/** What a thread says is hostile: a level must be one of ours. */
const LEVELS: ReadonlySet<string> = new Set(["debug", "info", "warn", "error"] satisfies LogLevel[]);

export interface CrewEvents {
  /** An actor can take records. */
  opened(actor: number): void;
  message(actor: number, message: Extract<FromThread, { t: "release" | "settled" | "returned" }>): void;
  /** A gather of this actor is not flushed before `stored` is called. */
  rejecting(actor: number, rejected: readonly Rejected[], stored: () => void): void;
  /** An actor's thread is gone: all that it had is open again. */
  exit(actor: number, exit: Exit): void;
  /** No actor runs until the next probe: hand back what is held. */
  suspended(): void;
}

/** What the crew needs of an actor. */
export type CrewActor = Omit<Actor, "kill">;
/** Starts one; tests start others than threads. */
export type Spawn = (...of: ConstructorParameters<typeof Actor>) => CrewActor;

interface Seat {
  actor: CrewActor | null;
  timer: NodeJS.Timeout | null;
  credit: Credit | null;
  readonly cpu: CpuAlarm;
}

/** The actors of one sink: started, restarted with backoff, suspended when that does not help, and probed. */
export class Crew {
  state: SinkState = "starting";
  /** Why it is not ready; null when all is well. */
  reason: string | null = null;
  /** When it tries again by itself, ms since 1970; null: it works, or waits for a person. */
  nextTryAt: number | null = null;
  restarts = 0;
  readonly metrics = new PluginMetrics();
  kind: "writer" | "gatherer" = "writer";
  #failingSince: number | null = null;
  readonly #sink: SinkConfig;
  readonly #events: CrewEvents;
  readonly #logger: Logger;
  readonly #seats: Seat[];
  readonly #policy = new RestartPolicy();
  #probe: NodeJS.Timeout | null = null;
  #stopping = false;
  #byHand = false;
  /** A crash in a flush halves what a gather may hold. */
  #gatherShare = 1;
  #cpuOfEnded = 0;
  readonly #spawn: Spawn;

  constructor(sink: SinkConfig, logger: Logger, events: CrewEvents, spawn: Spawn = (...of) => new Actor(...of)) {
    this.#spawn = spawn;
    this.#sink = sink;
    this.#events = events;
    this.#logger = logger;
    this.#seats = Array.from({ length: sink.actors }, () => ({
      actor: null,
      timer: null,
      credit: null,
      cpu: new CpuAlarm(),
    }));
  }

  /** Whose fault it is, for health. A plugin may say more than anybody may read. */
  #named(reason: string): string {
    return `${this.#logger.mask(reason)} (${this.plugin})`;
  }

  /** Whose code it is. */
  get plugin(): string {
    return `${this.#sink.plugin.name} ${this.#sink.plugin.version}`;
  }

  /** Where its actors live. */
  get isolation(): "worker" | "process" {
    return this.#sink.plugin.isolation;
  }

  get config(): SinkConfig {
    return this.#sink;
  }

  start(): void {
    // A reload may have removed it while its turn had not come.
    if (this.state !== "suspended" && !this.#stopping) this.#fill();
  }

  /** A back end that fails for a short while is no reason to take the instance out of service. */
  get ready(): boolean {
    const failing = this.#failingSince !== null && performance.now() - this.#failingSince > UNREADY_MS;
    return this.state === "open" && !failing;
  }

  /** Actors that can take records. */
  open(): number[] {
    return this.#seats.flatMap(({ actor }, i) => (actor?.state === "open" ? [i] : []));
  }

  credit(actor: number): Credit | null {
    const seat = this.#seats[actor];
    return seat?.actor?.state === "open" ? seat.credit : null;
  }

  send(actor: number, seq: number, part: SentPiece["part"], alone: boolean): void {
    this.#seats[actor]?.actor?.send(seq, part, alone);
  }

  /** The pool has given this memory up. */
  forget(slab: SharedArrayBuffer): void {
    for (const { actor } of this.#seats) actor?.forget(slab);
  }

  revoke(actor: number, seqs: number[]): void {
    this.#seats[actor]?.actor?.revoke(seqs);
  }

  /** What made it crash is found: it does not count against the sink. */
  forgive(): void {
    this.#policy.reset();
  }

  narrowGathers(): void {
    this.#gatherShare = Math.max(this.#gatherShare / 2, 1 / 64);
  }

  suspend(reason: string): void {
    if (this.state === "suspended" || this.#stopping) return;
    this.state = "suspended";
    this.reason = this.#named(reason);
    this.#logger.error(`sink ${this.#sink.name} is suspended, its backlog waits in the log: ${reason}`, {
      plugin: this.plugin,
      probe_in_seconds: PROBE_MS / 1000,
    });
    this.#startNone();
    for (const { actor } of this.#seats) void actor?.close("suspend", performance.now() + CLOSE_MS);
    this.#events.suspended();
    this.nextTryAt = Date.now() + PROBE_MS;
    this.#probe = setTimeout(() => this.probe(), PROBE_MS);
    this.#probe.unref();
  }

  /**
   * Takes nothing more until `resume`, and is not probed. Calls in flight may finish: resolves when they have, or had the
   * time, and all else is handed back.
   */
  async suspendByHand(): Promise<void> {
    if (this.#byHand || this.#stopping) return;
    const { state } = this;
    this.#byHand = true;
    this.state = "suspended";
    this.reason = state === "suspended" ? `${BY_HAND}; before, ${this.reason}` : BY_HAND;
    this.#logger.warn(`sink ${this.#sink.name} is ${BY_HAND}, its backlog waits in the log`);
    this.#startNone();
    if (state === "suspended") return;
    await this.#end("suspend");
    // Else it has what it holds again.
    if (this.#byHand) this.#events.suspended();
  }

  get suspendedByHand(): boolean {
    return this.#byHand;
  }

  /** Ends a suspension, whoever made it, and tries at once. */
  resume(): void {
    if (this.state !== "suspended" || this.#stopping) return;
    this.#logger.info(`sink ${this.#sink.name} is resumed`);
    if (!this.#byHand) return this.probe();
    this.#byHand = false;
    this.reason = null;
    this.#policy.reset();
    this.#startAll();
  }

  /** Tries again now. The first crash suspends it anew. */
  probe(): void {
    if (this.state !== "suspended" || this.#byHand || this.#stopping) return;
    this.#policy.exhaust(performance.now());
    this.#startAll();
  }

  #startNone(): void {
    if (this.#probe) clearTimeout(this.#probe);
    this.#probe = null;
    this.nextTryAt = null;
    for (const seat of this.#seats) {
      if (seat.timer) clearTimeout(seat.timer);
      seat.timer = null;
    }
  }

  #startAll(): void {
    this.#startNone();
    this.state = "starting";
    this.#fill();
  }

  #fill(): void {
    for (const [i, { actor, timer }] of this.#seats.entries()) if (!actor && !timer) this.#seat(i);
  }

  /** New actors in place of those that run, each gone before the next opens; what was in hand comes again. */
  async reload(): Promise<void> {
    if (this.state === "suspended") return this.probe();
    if (this.#stopping) return;
    await this.#end("reload");
  }

  /** Lets calls in flight finish, and closes. */
  async #end(reason: CloseReason): Promise<void> {
    await Promise.all(
      this.#seats.map(async ({ actor }) => {
        await actor?.drain(reason, performance.now() + RELOAD_MS);
        await actor?.close(reason, performance.now() + CLOSE_MS);
      }),
    );
  }

  /** Lets calls in flight finish until the first deadline, then closes until the second; ms of the monotonic clock. */
  async stop(reason: CloseReason, drainUntil: number, closeUntil: number): Promise<void> {
    this.#stopping = true;
    if (this.#probe) clearTimeout(this.#probe);
    this.state = "draining";
    await Promise.all(
      this.#seats.map(async ({ actor, timer }) => {
        if (timer) clearTimeout(timer);
        await actor?.drain(reason, drainUntil);
        await actor?.close(reason, closeUntil);
      }),
    );
    this.state = "stopped";
  }

  status(): ActorStatus[] {
    return this.#seats.flatMap(({ actor }, i) =>
      actor
        ? [
            {
              actor: i,
              state: stateOf(actor),
              cpuSeconds: actor.cpuSeconds,
              heapBytes: actor.heap.heap,
              externalBytes: actor.heap.external,
              eventLoopUse: actor.eventLoopUse,
            },
          ]
        : [],
    );
  }

  /** Those that run, by their seats. */
  actors(): Map<number, CrewActor> {
    return new Map(this.#seats.flatMap(({ actor }, i) => (actor ? [[i, actor]] : [])));
  }

  /** CPU of all actors that ever ran here, seconds. */
  get cpuSeconds(): number {
    return this.#cpuOfEnded + this.#seats.reduce((sum, { actor }) => sum + (actor?.cpuSeconds ?? 0), 0);
  }

  #seat(i: number): void {
    const seat = this.#seats[i]!;
    const sink = this.#sink;
    seat.timer = null;
    const actor = this.#spawn(
      helloOf(sink, i),
      { heap: sink.heapMb * MiB, external: sink.heapMb * MiB * EXTERNAL_SHARE },
      {
        ready: (ready) => {
          if (this.state === "starting" || this.state === "restarting") this.state = "opening";
          return limitsFor(ready, sink.timeoutMs, this.#gatherShare);
        },
        opened: (kind) => {
          // It began before a suspension by hand, which ends it: nothing goes to it.
          if (this.state === "suspended") return;
          this.kind = kind;
          this.state = "open";
          this.reason = null;
          this.nextTryAt = null;
          this.#failingSince = null;
          seat.credit = creditFor(actor.limits!, kind);
          this.#events.opened(i);
        },
        message: (message) => this.#message(i, message),
        rejecting: (rejected, stored) => this.#events.rejecting(i, rejected, stored),
        fatal: (during, error) => this.suspend(`${during}() found its configuration at fault: ${withCause(error)}`),
        exit: (exit) => this.#exited(i, exit),
      },
      (line) => this.#logger.info(line, { sink: sink.name }),
      homeOf(sink),
    );
    seat.actor = actor;
  }

  #message(
    i: number,
    message: Extract<FromThread, { t: "release" | "settled" | "returned" | "waiting" | "report" }>,
  ): void {
    if (message.t === "report") {
      this.#lookAtCpu(i);
      this.metrics.report(i, message.metrics);
      for (const { level, message: text, more } of message.log) {
        const say = LEVELS.has(level) ? this.#logger[level as LogLevel] : this.#logger.info;
        say(text, { ...more, sink: this.#sink.name });
      }
      if (message.dropped > 0)
        this.#logger.warn(`${message.dropped} log lines of sink ${this.#sink.name} were dropped`);
    } else if (message.t === "waiting") {
      if (this.state === "suspended") return;
      const failed = message.error && withCause(message.error);
      this.reason = failed && this.#named(`attempt ${message.attempt} failed: ${failed}`);
      this.nextTryAt = message.until;
      this.#failingSince = message.error === null ? null : (this.#failingSince ?? performance.now());
      if (failed) this.#logger.warn(`sink ${this.#sink.name} will try again: ${failed}`, { plugin: this.plugin });
    } else {
      this.#events.message(i, message);
    }
  }

  /** A report comes each second. */
  #lookAtCpu(i: number): void {
    const seat = this.#seats[i]!;
    if (!seat.actor) return;
    const share = seat.cpu.look(seat.actor.cpuSeconds, performance.now());
    if (share === null) return;
    this.#logger.warn(
      `sink ${this.#sink.name} has used ${Math.round(share * 100)} % of a core for a minute: it may need \`actors\`, or its plugin wastes time`,
    );
  }

  #exited(i: number, exit: Exit): void {
    const seat = this.#seats[i]!;
    this.#cpuOfEnded += seat.actor?.cpuSeconds ?? 0;
    seat.actor = null;
    this.metrics.ended(i);
    this.#events.exit(i, exit);
    if (this.#stopping || this.state === "suspended") return;
    if (exit.kind === "failed") {
      this.suspend(exit.reason);
      return;
    }
    if (exit.kind === "closed") {
      // A probe came while it was still closing.
      this.#seat(i);
      return;
    }
    const verdict = this.#policy.ended(performance.now());
    if (!verdict.restart) {
      this.suspend(`its actor ended too often, last because ${exit.reason}`);
      return;
    }
    this.restarts++;
    if (this.open().length === 0) this.state = "restarting";
    this.reason = this.#named(`its actor ended: ${exit.reason}`);
    const delay = backoff(verdict.attempt, OPEN_BACKOFF);
    this.#logger.warn(`the actor of sink ${this.#sink.name} ended: ${exit.reason}`, {
      plugin: this.plugin,
      restart_in_ms: delay,
    });
    this.nextTryAt = Date.now() + delay;
    seat.timer = setTimeout(() => this.#seat(i), delay);
  }
}

/** What an actor of this sink is told at first. */
export function helloOf(sink: SinkConfig, actor: number): Hello {
  const { plugin, name, type, config, actors, timeoutMs, prepare } = sink;
  return {
    t: "hello",
    api: [PROTOCOL, PROTOCOL],
    features: plugin.features,
    entry: plugin.entry,
    sink: name,
    type,
    config,
    actor,
    actors,
    timeout: timeoutMs,
    prepare,
  };
}

function stateOf(actor: CrewActor): SinkState {
  if (actor.state === "closing") return "draining";
  return actor.state === "ended" ? "stopped" : actor.state;
}
