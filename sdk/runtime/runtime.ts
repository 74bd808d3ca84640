import { compilePrepare, createScanner, type PrepareRows, sharedSlotBytes } from "../record/index.ts";
import type { Kind } from "../record/types.ts";
import type { TSchema } from "../schema/index.ts";
import type { BatchShape, CloseReason, Gatherer, GatherShape, SinkDefinition, Writer } from "../sink/definition.ts";
import { backoff, OPEN_BACKOFF } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import { faultOf, toWireError } from "./failure.ts";
import { GathererRunner } from "./gatherer.ts";
import type { During, Host, Runner } from "./host.ts";
import { Meter } from "./meter.ts";
import { Periodic } from "./periodic.ts";
import { Piece } from "./piece.ts";
import { previewRecords } from "./preview.ts";
import {
  type FromThread,
  type Hello,
  type Limits,
  PROTOCOL,
  type PreviewRequest,
  type Rejected,
  type ToThread,
} from "./protocol.ts";
import { Reporter } from "./reporter.ts";
import { WriterRunner } from "./writer.ts";

/** A definition of whatever configuration and records. */
export type AnyDefinition = SinkDefinition<TSchema, Kind>;

export interface RuntimeOptions {
  post(message: FromThread): void;
  /** Imports the plugin's entry and finds the definition of this type. */
  load(entry: string, type: string): Promise<AnyDefinition>;
  /** Ends the thread: it cannot go on. */
  end(reason: string): void;
  clock?: Clock;
}

/** What this host can do beyond version 1 of the contract. */
const FEATURES: readonly string[] = [];

/**
 * Runs one sink's plugin in its thread: answers the supervisor's messages, scans and prepares what arrives, and has a
 * runner make the calls. The state table is in docs/decisions/0003-thread-protocol.md.
 */
export class Runtime implements Host {
  readonly clock: Clock;
  readonly meter = new Meter();
  readonly #options: RuntimeOptions;
  readonly #reporter: Reporter;
  readonly #periodic: Periodic;
  readonly #end = new AbortController();
  readonly #scanner = createScanner();
  readonly #pieces = new Map<number, Piece>();
  /** Slabs that come again: a message that brings shared memory makes objects that burden the collector. */
  readonly #slabs = new Map<number, Buffer>();
  #prepare: PrepareRows | null = null;
  #hello: Hello | null = null;
  #definition: AnyDefinition | null = null;
  #limits: Limits | null = null;
  #sink: Writer<never> | Gatherer<never> | null = null;
  #runner: Runner | null = null;
  #closing = false;
  /** A call waits for its next try, and nothing has passed since. */
  #failing = false;
  /** The last that was told as "rejecting", and who waits until it is stored. */
  #rejecting = { id: 0, stored: () => {} };
  /** How often something was given back. */
  #returns = 0;
  /** The last that the supervisor had heard of when it sent something. */
  #heard = 0;
  /** What of chunks was given back, by its begin, and which time that was. Kept until the supervisor has heard of it. */
  #returned = new Map<string, { from: number; time: number }[]>();
  #outbox: { settled: Piece[]; released: number[] } = { settled: [], released: [] };

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.clock = options.clock ?? systemClock;
    this.#reporter = new Reporter(this.clock, options.post);
    this.#periodic = new Periodic(this.clock, this.#reporter.log);
  }

  get limits(): Limits {
    return this.#limits!;
  }

  receive(message: ToThread): void {
    switch (message.t) {
      case "hello":
        void this.#meet(message);
        break;
      case "open":
        this.#limits = message.limits;
        if (this.#hello!.preview) this.#preview(this.#hello!.preview);
        else void (this.#hello!.dry ? this.#check() : this.#open());
        break;
      case "batch":
        this.#batch(message);
        break;
      case "forget":
        this.#slabs.delete(message.slab);
        break;
      case "revoke":
        this.#runner?.revoke(new Set(message.seqs));
        break;
      case "stored":
        if (message.id === this.#rejecting.id) this.#rejecting.stored();
        break;
      case "measure":
        this.#options.post(this.meter.measure(message.on));
        break;
      case "drain":
        void this.#drain();
        break;
      case "close":
        void this.#close(message.reason);
        break;
    }
  }

  // What the runner tells.

  rejecting(rejected: Rejected[], stored: () => void): void {
    const id = this.#rejecting.id + 1;
    this.#rejecting = { id, stored };
    this.#options.post({ t: "rejecting", id, rejected });
  }

  settled(piece: Piece): void {
    if (this.#pieces.get(piece.seq) !== piece) return;
    this.#forget(piece);
    if (this.#failing) this.waiting(null, 0, null);
    this.#outbox.settled.push(piece);
    this.#flushSoon();
  }

  released(piece: Piece): void {
    if (this.#pieces.get(piece.seq) !== piece) return;
    piece.table.release();
    this.#outbox.released.push(piece.seq);
    this.#flushSoon();
  }

  returned(pieces: readonly Piece[], narrow: boolean, error: unknown, doubted = false): void {
    const ours = pieces.filter((piece) => this.#pieces.get(piece.seq) === piece);
    if (ours.length === 0) return;
    for (const piece of ours) this.#forget(piece);
    this.#giveBack(ours, narrow, error, doubted);
  }

  waiting(until: number | null, attempt: number, error: unknown): void {
    this.#failing = until !== null;
    this.meter.retrying = this.#failing;
    this.#options.post({ t: "waiting", until, attempt, error: error === null ? null : toWireError(error) });
  }

  fatal(during: During, error: unknown): void {
    this.#flush();
    this.#options.post({ t: "fatal", during, error: toWireError(error) });
  }

  end(reason: string): void {
    this.#flush();
    this.#options.end(reason);
  }

  // The supervisor's messages.

  async #meet(hello: Hello): Promise<void> {
    this.#hello = hello;
    this.#reporter.start();
    if (PROTOCOL < hello.api[0] || PROTOCOL > hello.api[1]) {
      this.#options.post({ t: "unsupported", api: PROTOCOL, missing: [] });
      return;
    }
    const missing = hello.features.filter((feature) => !FEATURES.includes(feature));
    if (missing.length > 0) {
      this.#options.post({ t: "unsupported", api: PROTOCOL, missing });
      return;
    }
    let definition: AnyDefinition;
    try {
      definition = await this.#options.load(hello.entry, hello.type);
    } catch (error) {
      this.fatal("open", error);
      return;
    }
    this.#definition = definition;
    const reads = definition.reads ?? "analytics";
    this.#prepare = compilePrepare(hello.prepare, reads);
    const { unknown } = this.#prepare;
    if (unknown.length > 0) this.#reporter.log.warn(`ignore_fields names what no record has: ${unknown.join(", ")}`);
    this.#options.post({
      t: "ready",
      api: PROTOCOL,
      reads,
      batch: shapeOf<BatchShape>(definition.batch, hello.config),
      gather: shapeOf<GatherShape>(definition.gather, hello.config),
      concurrency: definition.concurrency ?? 1,
      single: definition.single ?? false,
      decodes: definition.decodes ?? true,
    });
  }

  async #open(): Promise<void> {
    const { ms } = this.limits;
    for (let attempt = 1; !this.#closing; attempt++) {
      const cancel = this.clock.after(ms.open + ms.grace, () => this.end(`open() did not finish within ${ms.open} ms`));
      try {
        this.#sink = await this.#definition!.open(this.#context());
        cancel();
        break;
      } catch (error) {
        cancel();
        if (faultOf(error) === "fatal") {
          this.fatal("open", error);
          return;
        }
        const delay = backoff(attempt, OPEN_BACKOFF);
        this.waiting(this.clock.now() + delay, attempt, error);
        await new Promise<void>((resolve) => void this.clock.after(delay, resolve));
      }
    }
    if (this.#closing || !this.#sink) return;
    const writer = "write" in this.#sink;
    this.#runner = "write" in this.#sink ? new WriterRunner(this.#sink, this) : new GathererRunner(this.#sink, this);
    this.#options.post({ t: "opened", kind: writer ? "writer" : "gatherer" });
  }

  /** Once, and with no record: the sink is never opened. */
  async #check(): Promise<void> {
    const { ms } = this.limits;
    const cancel = this.clock.after(ms.open, () => this.end(`its check did not finish within ${ms.open} ms`));
    try {
      const seen = (await this.#definition!.check?.(this.#context())) ?? null;
      this.#options.post({ t: "checked", seen, error: null });
    } catch (error) {
      this.#options.post({ t: "checked", seen: null, error: toWireError(error) });
    } finally {
      cancel();
    }
  }

  /** Once, and the sink is never opened either. */
  #preview(request: PreviewRequest): void {
    try {
      const preview = this.#definition!.preview?.(this.#context());
      const texts = preview ? previewRecords(preview, request, this.#prepare!) : null;
      this.#options.post({ t: "previewed", texts, error: null });
    } catch (error) {
      this.#options.post({ t: "previewed", texts: null, error: toWireError(error) });
    }
  }

  #context() {
    const hello = this.#hello!;
    return {
      config: hello.config as never,
      name: hello.sink,
      actor: hello.actor,
      actors: hello.actors,
      timeout: hello.timeout,
      log: this.#reporter.log,
      metrics: this.#reporter.metrics,
      signal: this.#end.signal,
      every: (ms: number, task: (signal: AbortSignal) => Promise<void> | void) => this.#periodic.every(ms, task),
    };
  }

  /** Scans and prepares once; what cannot be read is a dead letter beforehand. */
  #batch({ seq, part: wire, alone, heard, keep }: Extract<ToThread, { t: "batch" }>): void {
    const bytes = typeof wire.slab === "number" ? this.#slabs.get(wire.slab)! : Buffer.from(wire.slab);
    if (keep !== null) this.#slabs.set(keep, bytes);
    this.#heard = heard;
    if (heard === this.#returns) this.#returned.clear();
    // Each for itself: what lies behind a piece must not hold that up, or the two would be given back by turns, for ever.
    if (this.#returned.get(wire.chunk)?.some(({ from, time }) => heard < time && from < wire.from)) {
      // Sent before the supervisor heard that an earlier piece comes again: it would overtake that one.
      this.#giveBack([{ seq, part: wire }], false, null);
      return;
    }
    const offsets = new Uint32Array(bytes.buffer, wire.at, wire.count * 2);
    const start = this.meter.on ? performance.now() : 0;
    const shared =
      wire.slots === null
        ? null
        : new Uint32Array(bytes.buffer, wire.slots, sharedSlotBytes(wire.count, wire.wire) / 4);
    const { table, unreadable } = this.#scanner.scan({ bytes, offsets, count: wire.count, wire: wire.wire, shared });
    const part = { chunk: wire.chunk, from: wire.from, to: wire.to, redelivered: wire.redelivered };
    const scanned = this.meter.on ? performance.now() : 0;
    const prepared = this.#prepare!(table, unreadable);
    if (this.meter.on) this.meter.arrived(start, scanned, wire.count, (offsets.at(-1) ?? 0) - (offsets[0] ?? 0));
    const piece = new Piece({ seq, part, alone, arrived: this.clock.now() }, table, prepared);
    for (const { row, reason } of unreadable) piece.reject(row, reason);
    this.#pieces.set(seq, piece);
    this.#runner!.accept(piece);
  }

  async #drain(): Promise<void> {
    await this.#runner?.drain();
    this.#flush();
    this.#options.post({ t: "drained" });
  }

  async #close(reason: CloseReason): Promise<void> {
    // A stop may come while a suspension still closes.
    if (this.#closing) return;
    this.#closing = true;
    this.#end.abort();
    this.#runner?.close();
    try {
      await this.#periodic.stop();
      await this.#sink?.close?.(reason);
    } catch (error) {
      this.#reporter.log.warn("close() failed", { error: toWireError(error).message });
    }
    this.#reporter.stop();
    this.#options.post({ t: "closed" });
  }

  // Settlements of one turn travel in one message.

  #giveBack(pieces: readonly Pick<Piece, "seq" | "part">[], narrow: boolean, error: unknown, doubted = false): void {
    this.#flush();
    const time = ++this.#returns;
    for (const { part } of pieces) {
      const unheard = this.#returned.get(part.chunk)?.filter((one) => one.time > this.#heard) ?? [];
      this.#returned.set(part.chunk, [...unheard, { from: part.from, time }]);
    }
    const seqs = pieces.map(({ seq }) => seq);
    this.#options.post({ t: "returned", seqs, narrow, doubted, error: error === null ? null : toWireError(error) });
  }

  #forget(piece: Piece): void {
    this.#pieces.delete(piece.seq);
    piece.table.release();
  }

  #flushSoon(): void {
    if (this.#outbox.settled.length + this.#outbox.released.length === 1) queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    const { settled, released } = this.#outbox;
    if (released.length > 0) this.#options.post({ t: "release", seqs: released.splice(0) });
    if (settled.length === 0) return;
    this.#outbox.settled = [];
    const counts = { written: 0, filtered: 0, skipped: 0, retries: 0 };
    for (const piece of settled) {
      counts.written += piece.counts.written;
      counts.filtered += piece.counts.filtered;
      counts.skipped += piece.counts.skipped;
      counts.retries += piece.counts.retries;
    }
    const seqs = settled.map((piece) => piece.seq);
    this.#options.post({ t: "settled", seqs, rejected: settled.flatMap((piece) => piece.rejected), counts });
  }
}

function shapeOf<T extends object>(shape: T | ((config: never) => T) | undefined, config: unknown): T | null {
  if (shape === undefined) return null;
  return typeof shape === "function" ? shape(config as never) : shape;
}
