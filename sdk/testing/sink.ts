import { createHash } from "node:crypto";
import type { Kind, Wire } from "../record/types.ts";
import {
  type AnyDefinition,
  type FromThread,
  type Limits,
  PROTOCOL,
  type Prepare,
  type Rejected,
  type Report,
  Runtime,
  type WireError,
} from "../runtime/index.ts";
import type { TSchema } from "../schema/index.ts";
import { Value } from "../schema/index.ts";
import type { CloseReason, SinkDefinition } from "../sink/definition.ts";
import { type ChunkOptions, type Slab, slabOf, type TestRecord } from "./chunk.ts";
import { TestClock } from "./clock.ts";
import { NO_PREPARATION } from "./prepare.ts";

export interface OpenOptions {
  /** Filters and field preparation; default none. */
  prepare?: Partial<Prepare>;
  /** Over what the definition asks for. */
  limits?: { batch?: Partial<Limits["batch"]>; gather?: Partial<Limits["gather"]>; ms?: Partial<Limits["ms"]> };
  /** Which actor, of how many; default 0 of 1. */
  actor?: number;
  actors?: number;
  /** Milliseconds since 1970 on the sink's clock; default now. It moves by `clock.advance(ms)` only. */
  now?: number;
}

export interface DeadLetter {
  chunk: string;
  /** In the chunk. */
  index: number;
  reason: string;
}

interface Chunk extends Slab {
  readonly name: string;
  readonly wire: Wire;
  /** Of the piece's first record in the chunk. */
  readonly from: number;
  /** What its memory held when it was handed over. */
  readonly digest: string;
  /** Whether the sink has had it before. */
  redelivered: boolean;
  /** In a gather of its own: one with it has failed. */
  alone: boolean;
}

/** A sink that has failed for good threw Fatal, or its thread could not go on. */
export class SinkFailed extends Error {
  readonly code = "SLUICE_TESTING_SINK_FAILED";
  readonly error: WireError | null;

  constructor(message: string, error: WireError | null = null) {
    super(message);
    this.name = "SinkFailed";
    this.error = error;
  }
}

/**
 * Runs a sink in the real runtime of an actor's thread, in this thread, over a log in memory. `config` gets the schema's defaults.
 * Resolves when the sink is open; rejects with SinkFailed if opening is Fatal (an error of another kind is tried again as the clock
 * moves on: use `start`).
 */
export async function open<C extends TSchema, K extends Kind>(
  definition: SinkDefinition<C, K>,
  config: object,
  options: OpenOptions = {},
): Promise<OpenSink> {
  const sink = start(definition, config, options);
  await sink.opened();
  return sink;
}

/** The same, without waiting for it to open. */
export function start<C extends TSchema, K extends Kind>(
  definition: SinkDefinition<C, K>,
  config: object,
  options: OpenOptions = {},
): OpenSink {
  return new OpenSink(definition as unknown as AnyDefinition, config, options);
}

export class OpenSink {
  readonly clock: TestClock;
  /** All that the sink has logged so far. */
  readonly lines: Report["log"] = [];
  /** What it waits for before the next try of a call or of `open`. */
  waiting: { until: number; attempt: number; error: WireError | null } | null = null;
  /** Records that the sink has taken, those that filters or the sink itself left out among them. */
  taken = { written: 0, filtered: 0, skipped: 0, retries: 0 };
  readonly #definition: AnyDefinition;
  readonly #config: unknown;
  readonly #options: OpenOptions;
  /** By chunk and index: what is told before a gather is flushed is told again when it is settled. */
  readonly #letters = new Map<string, DeadLetter>();
  /** In the log: delivered and not yet settled, by the number of their delivery. */
  #chunks = new Map<number, Chunk>();
  #seq = 0;
  #returns = 0;
  /** Returned, and not yet handed again. */
  #owed: { seq: number; narrow: boolean }[] = [];
  #runtime: Runtime;
  #opened = false;
  #draining = false;
  #failure: SinkFailed | null = null;
  #watchers = new Set<() => void>();
  #reached = new Set<FromThread["t"]>();

  constructor(definition: AnyDefinition, config: object, options: OpenOptions) {
    this.clock = new TestClock(options.now);
    this.#definition = definition;
    this.#config = Value.Default(definition.config, { ...config });
    this.#options = options;
    this.#runtime = this.#begin();
  }

  get type(): string {
    return this.#definition.type;
  }

  get reads(): Kind {
    return this.#definition.reads ?? "analytics";
  }

  get isOpen(): boolean {
    return this.#opened;
  }

  opened(): Promise<void> {
    return this.#until(() => this.#opened);
  }

  /** Adds a chunk to the log and hands it to the sink. Chunks without a name are called chunk-1, chunk-2, ... */
  deliver(records: readonly TestRecord[], options: ChunkOptions = {}): void {
    const { wire = this.reads === "uptime" ? "uptime" : "msgpack", redelivered = false, from = 0 } = options;
    const name = options.chunk ?? `chunk-${this.#seq + 1}`;
    const slab = slabOf(records, wire);
    this.#hand({ ...slab, name, wire, from, redelivered, alone: false, digest: digestOf(slab) });
  }

  /** Resolves when all that was delivered is written, left out or a dead letter. Rejects with SinkFailed. */
  settled(): Promise<void> {
    return this.#until(() => this.#chunks.size === 0);
  }

  /** Resolves when a call or `open` waits for its next try: `waiting` says why, `clock.advance` brings it. */
  retrying(): Promise<void> {
    return this.#until(() => this.waiting !== null);
  }

  deadLetters(): readonly DeadLetter[] {
    return [...this.#letters.values()];
  }

  /** Takes back what is not begun, lets calls finish and flushes. What was taken back stays in the log. */
  async drain(reason: CloseReason = "stop"): Promise<void> {
    this.#draining = true;
    this.#runtime.receive({ t: "drain", reason, deadline: this.clock.now() + 22_000 });
    await this.#until(() => this.#reached.has("drained"));
  }

  async close(reason: CloseReason = "stop"): Promise<void> {
    this.#runtime.receive({ t: "close", reason, deadline: this.clock.now() + 3000 });
    await this.#until(() => this.#reached.has("closed"));
  }

  /**
   * As if the process had died and come back: a new runtime opens the sink, and all that is in the log comes again. Nothing of the old
   * one is waited for, and what it says is no longer heard; what it has begun in this process may still go on. Nothing is closed either,
   * but a sink that is `single` is told to: the system takes from a dead process what the next one needs (a port).
   */
  kill(): Promise<void> {
    const old = this.#runtime;
    const opened = this.#again();
    if (this.#definition.single) old.receive({ t: "close", reason: "stop", deadline: this.clock.now() + 3000 });
    return opened;
  }

  /** Drains and closes it, opens it anew, and hands it what it had not yet begun. */
  async reload(): Promise<void> {
    await this.drain("reload");
    await this.close("reload");
    await this.#again();
  }

  /** Its next life: what is in the log comes once it is open. */
  async #again(): Promise<void> {
    const left = [...this.#chunks.values()];
    this.#chunks = new Map();
    this.#returns = 0;
    this.#opened = false;
    this.#draining = false;
    this.#failure = null;
    this.waiting = null;
    this.#reached.clear();
    this.#runtime = this.#begin();
    await this.opened();
    for (const chunk of left) this.#hand({ ...chunk, redelivered: true });
  }

  #begin(): Runtime {
    const runtime: Runtime = new Runtime({
      // The timers of a life end with it.
      clock: {
        now: () => this.clock.now(),
        after: (ms, task) =>
          this.clock.after(ms, () => {
            if (runtime === this.#runtime) task();
          }),
      },
      post: (message) => {
        if (runtime === this.#runtime) this.#receive(message);
      },
      load: async () => this.#definition,
      end: (reason) => {
        if (runtime === this.#runtime) this.#fail(new SinkFailed(reason));
      },
    });
    const { prepare, actor = 0, actors = 1 } = this.#options;
    // Nothing that this causes comes before the next turn, when `#runtime` is set.
    queueMicrotask(() =>
      runtime.receive({
        t: "hello",
        api: [PROTOCOL, PROTOCOL],
        features: [],
        entry: "",
        sink: this.#definition.type,
        type: this.#definition.type,
        config: this.#config,
        actor,
        actors,
        timeout: 0,
        prepare: { ...NO_PREPARATION, ...prepare },
      }),
    );
    return runtime;
  }

  #hand(chunk: Chunk): void {
    const seq = ++this.#seq;
    this.#chunks.set(seq, chunk);
    const { slab, at, count, wire, name, from, redelivered, alone } = chunk;
    const part = { slab, at, slots: null, count, wire, chunk: name, from, to: from + count, redelivered };
    this.#runtime.receive({ t: "batch", seq, part, alone, heard: this.#returns, keep: null });
  }

  #receive(message: FromThread): void {
    this.#reached.add(message.t);
    switch (message.t) {
      case "ready":
        this.#runtime.receive({ t: "open", limits: this.#limits(message), deadline: this.clock.now() + 30_000 });
        break;
      case "opened":
        this.#opened = true;
        this.waiting = null;
        break;
      case "rejecting":
        this.#reject(message.rejected);
        this.#runtime.receive({ t: "stored", id: message.id });
        break;
      case "settled":
        this.#reject(message.rejected);
        for (const seq of message.seqs) {
          this.#lookAt(this.#chunks.get(seq));
          this.#chunks.delete(seq);
        }
        for (const key of ["written", "filtered", "skipped", "retries"] as const)
          this.taken[key] += message.counts[key];
        break;
      case "returned":
        this.#returns++;
        this.#handAgain(message.seqs, message.narrow);
        break;
      case "waiting":
        this.waiting =
          message.until === null ? null : { until: message.until, attempt: message.attempt, error: message.error };
        break;
      case "report":
        this.lines.push(...message.log);
        break;
      case "fatal":
        this.#fail(new SinkFailed(`${message.during}: ${message.error.message}`, message.error));
        break;
      case "unsupported":
        this.#fail(new SinkFailed("The runtime does not speak the kit's protocol"));
    }
    for (const watch of this.#watchers) watch();
  }

  #reject(rejected: readonly Rejected[]): void {
    for (const { seq, index, reason } of rejected) {
      const { name: chunk } = this.#chunks.get(seq)!;
      const key = `${chunk} ${index}`;
      if (!this.#letters.has(key)) this.#letters.set(key, { chunk, index, reason });
    }
  }

  /** A dropped gather's chunks come again, `narrow`: one a gather, then in halves; in a drain they stay in the log. */
  #handAgain(seqs: readonly number[], narrow: boolean): void {
    if (this.#draining) return;
    // What is returned in one go comes in the chunks' own order, for a sink may keep a watermark a chunk.
    if (this.#owed.length === 0) queueMicrotask(() => this.#handReturned());
    for (const seq of seqs) this.#owed.push({ seq, narrow });
  }

  #handReturned(): void {
    const chunks = this.#owed.splice(0).flatMap(({ seq, narrow }) => {
      const chunk = this.#chunks.get(seq);
      // Killed meanwhile: its next life has it.
      if (!chunk) return [];
      this.#chunks.delete(seq);
      const again = { ...chunk, redelivered: true, alone: chunk.alone || narrow };
      return narrow && chunk.alone && chunk.count > 1 ? halvesOf(again) : [again];
    });
    for (const chunk of chunks.sort((a, b) => a.from - b.from)) this.#hand(chunk);
  }

  /** Records lie in memory that all sinks share: who writes there changes what the others get. */
  #lookAt(chunk: Chunk | undefined): void {
    if (chunk && digestOf(chunk) !== chunk.digest)
      this.#fail(new SinkFailed("It wrote into the memory of its records"));
  }

  #limits(ready: Extract<FromThread, { t: "ready" }>): Limits {
    const { batch, gather, ms } = this.#options.limits ?? {};
    const gathered = { records: 200_000, bytes: 1 << 30, ms: 2000, ...ready.gather, ...gather };
    return {
      batch: { records: 1000, bytes: 4 << 20, linger: 0, ...ready.batch, ...batch },
      gather: { quiet: gathered.ms, ...gathered },
      concurrency: ready.concurrency,
      ms: { open: 30_000, write: 60_000, add: 10_000, flush: 60_000, grace: 5000, ...ms },
    };
  }

  #fail(failure: SinkFailed): void {
    this.#failure ??= failure;
    for (const watch of this.#watchers) watch();
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const watch = () => {
        if (condition()) resolve();
        else if (this.#failure) reject(this.#failure);
        else return;
        this.#watchers.delete(watch);
      };
      this.#watchers.add(watch);
      watch();
    });
  }
}

function halvesOf(chunk: Chunk): Chunk[] {
  const { at, from, count } = chunk;
  const half = Math.ceil(count / 2);
  // Eight bytes a record say where it lies.
  return [
    { ...chunk, count: half },
    { ...chunk, at: at + 8 * half, from: from + half, count: count - half },
  ];
}

function digestOf({ slab }: Slab): string {
  return createHash("sha1").update(new Uint8Array(slab)).digest("base64");
}
