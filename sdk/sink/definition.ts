import type { AnalyticsRecord, Batch, Kind, RecordBase, RecordOf } from "../record/types.ts";
import type { Static, TSchema } from "../schema/index.ts";
import type { SinkContext } from "./context.ts";

/** A package's entry exports one definition or an array of them (one bundle, many types). */
export function defineSink<C extends TSchema, K extends Kind = "analytics">(
  definition: SinkDefinition<C, K>,
): SinkDefinition<C, K> {
  return definition;
}

export interface SinkDefinition<C extends TSchema = TSchema, K extends Kind = "analytics"> {
  /** As in pump.conf, lower case. */
  type: string;
  /** One schema: types, validation, environment names, documentation. */
  config: C;
  /** Which records it takes; default "analytics". */
  reads?: K;
  /** Writers: the batch this sink likes. The host joins chunks up to this, waiting at most `linger` ms, and never gives more. */
  batch?: BatchShape | ((config: Static<C>) => BatchShape);
  /** Gatherers: when a gather is flushed, whichever comes first; `call.full()` asks for it too. */
  gather?: GatherShape | ((config: Static<C>) => GatherShape);
  /** Writers: calls in flight; default 1; above, the order is lost. */
  concurrency?: number;
  /** True where two actors cannot stand side by side (a listener's port); else the operator may set `actors: n`. */
  single?: boolean;
  /** False: `raw_request_decoded` and `raw_response_decoded` are refused with a warning (SQL, Mongo). */
  decodes?: boolean;
  /** Connects, checks credentials, creates tables. Any error but Fatal is tried again with backoff; nothing is delivered before it resolves. */
  open(context: SinkContext<Static<C>>): Promise<Writer<RecordOf<K>> | Gatherer<RecordOf<K>>>;
  /**
   * For `sluice check`: connects and checks rights as far as that writes nothing, and throws what `open` would throw. The
   * sentence that it gives is shown ("PostgreSQL 16.2, its table is there"). Without it the sink is not tried.
   */
  check?(context: SinkContext<Static<C>>): Promise<string>;
  /**
   * For `sluice tap`: gives a function from one record (a batch of it, filtered and prepared) to what the sink would send
   * for it, as text for people; null: it leaves the record out. The sink is not opened for it: connects to nothing, writes
   * nothing. Without it, the record is shown.
   */
  preview?(context: SinkContext<Static<C>>): (batch: Batch<RecordOf<K>>) => string | null;
}

/** `records` default 1,000 (at most 50,000), `bytes` 4 MiB (16 MiB), `linger` 0 ms (5,000). */
export interface BatchShape {
  records?: number;
  bytes?: number;
  linger?: number;
}

/** `records` default 200,000 (at most 2,000,000), `bytes` none (1 GiB), `ms` 2,000 (60,000), `quiet` as `ms`. */
export interface GatherShape {
  records?: number;
  bytes?: number;
  ms?: number;
  /** It is flushed sooner once nothing has come for so long, ms, or a quarter longer. */
  quiet?: number;
}

export type CloseReason = "stop" | "reload" | "suspend";

export interface Writer<R = AnalyticsRecord> {
  /** Resolved: what is left of the batch is written for good. Never called with zero records. */
  write(batch: Batch<R>, call: Call<R>): Promise<void>;
  /** Frees sockets, files, listeners; nothing is in flight any more. */
  close?(reason: CloseReason): Promise<void>;
}

export interface Gatherer<R = AnalyticsRecord> {
  gather(): Gather<R>;
  close?(reason: CloseReason): Promise<void>;
}

export interface Gather<R = AnalyticsRecord> {
  /** Synchronous where it can be. Resolved: the batch's memory may be reused. An error drops this gather, and its records come again. */
  add(batch: Batch<R>, call: Call<R>): void | Promise<void>;
  /** Resolved: all that was added is written for good. Called again, on this same gather, after a Retryable or unknown error: keep what is not yet written. */
  flush(call: Call<R>): Promise<void>;
}

/**
 * One call of the host. Progress goes through it as it happens; what is thrown concerns **the rest** only, and so does
 * a deadline. A call that resolves has written the rest.
 */
export interface Call<R = AnalyticsRecord> {
  /** 1 for the first try. */
  readonly attempt: number;
  /** Milliseconds since 1970; `signal` aborts then, 5 s later the actor is ended. */
  readonly deadline: number;
  /** Made when first read: costs nothing if unused. */
  readonly signal: AbortSignal;
  /** Written for good, whatever happens later. In `write` only. */
  wrote(what: Batch<R> | RecordBase): void;
  /** Never to be written: dead letters with this reason. In `flush`, by `ref`. */
  reject(what: Batch<R> | RecordBase | number, reason: string): void;
  /** Left out by this sink's own rule (another kind of record): counted, no dead letter. */
  skip(what: Batch<R> | RecordBase): void;
  /** In `add`: flush me now (size of the state, end of a file). */
  full(): void;
}
