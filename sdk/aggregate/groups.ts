import { decodeText } from "../record/text.ts";
import { GoTime } from "../record/time.ts";
import type { Timestamp } from "../record/types.ts";
import { type Aggregation, DIMENSIONS, TAGS, TOTAL } from "./aggregation.ts";
import type { Group } from "./buckets.ts";
import * as at from "./counters.ts";
import { type LabelSource, type Labels, plain, Scratch, total } from "./labels.ts";

/** One organisation (REST) or API (GraphQL, MCP) in one bucket, and its counters. Valid until more is added. */
export interface AggregateGroup extends Iterable<AggregateCounter> {
  readonly org: string;
  /** Of GraphQL and MCP aggregates; else "". */
  readonly api: string;
  /** When the bucket begins. */
  readonly bucket: Timestamp;
  /** The latest of its records. */
  readonly expireAt: Timestamp;
  readonly size: number;
  /** `id`: as `id(i)` has given it, where that is known. */
  at(i: number, id?: string): AggregateCounter;
  /** Of the counter `at(i)`, without making it. */
  id(i: number): string;
}

/** Times in milliseconds, unless they are times of day. Sums are doubles: exact up to 2^53. */
export interface AggregateCounter {
  /** "apiid", "errors", ...; "" for the total. */
  readonly dimension: string;
  /** Of a nested one: the API key or OAuth client above it; else "". */
  readonly outer: string;
  /** Within the dimension, or within `outer`. The total's is "total". */
  readonly key: string;
  readonly identifier: string;
  readonly human: string;
  /** Row id of the SQL tables: hex of bucket, organisation (or API), dimension, outer and key. */
  readonly id: string;
  readonly hits: number;
  readonly success: number;
  readonly error: number;
  readonly totalRequestTime: number;
  readonly totalLatency: number;
  readonly totalUpstreamLatency: number;
  readonly maxLatency: number;
  readonly maxUpstreamLatency: number;
  /** Of those that are no errors (the total: of the successes), or of all where there are only errors. */
  readonly minLatency: number;
  readonly minUpstreamLatency: number;
  /** Of the newest record. */
  readonly lastTime: Timestamp;
  readonly openConnections: number;
  readonly closedConnections: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Response codes from 400 on, ascending as text. */
  readonly errors: readonly ErrorCount[];
}

export interface ErrorCount {
  readonly code: string;
  readonly count: number;
}

const NO_ERRORS: readonly ErrorCount[] = [];

export function groupsOf(aggregation: Aggregation): AggregateGroup[] {
  const { keys, groups } = aggregation;
  const errors = new Errors(aggregation);
  const members: number[][] = groups.map(() => []);
  for (let counter = 0; counter < keys.size; counter++)
    members[Math.floor(keys.a(counter) / DIMENSIONS)]!.push(counter);
  return groups.map((group, i) => new Result(aggregation, group, members[i]!, errors));
}

interface Named {
  readonly name: string;
  readonly labels: Labels;
  readonly nested: boolean;
}

const scratch = new Scratch();

class Result implements AggregateGroup {
  readonly org: string;
  readonly api: string;
  readonly bucket: Timestamp;
  readonly expireAt: Timestamp;
  readonly #aggregation: Aggregation;
  readonly #group: Group;
  readonly #members: readonly number[];
  readonly #errors: Errors;
  /** By dimension: how its ids begin. */
  readonly #idStarts: string[] = [];

  constructor(aggregation: Aggregation, group: Group, members: readonly number[], errors: Errors) {
    const { symbols, plan } = aggregation;
    this.org = symbols.textOf(group.org);
    this.api = plan.owner === "apiId" ? symbols.textOf(group.owner) : "";
    this.bucket = new GoTime(group.bucket, 0, group.zone);
    this.expireAt = new GoTime(group.expireAt, 0, group.zone);
    this.#aggregation = aggregation;
    this.#group = group;
    this.#members = members;
    this.#errors = errors;
  }

  get size(): number {
    return this.#members.length;
  }

  *[Symbol.iterator](): Iterator<AggregateCounter> {
    for (let i = 0; i < this.size; i++) yield this.at(i);
  }

  id(i: number): string {
    const counter = this.#members[i]!;
    this.#writeKey(counter);
    return this.#idOf(counter);
  }

  at(i: number, id?: string): AggregateCounter {
    const counter = this.#members[i]!;
    const { counters, keys, symbols } = this.#aggregation;
    const { name, labels, nested } = this.#named(counter);
    this.#writeKey(counter);
    const source = this.#source(counter);
    const outer = nested ? symbols.textOf(keys.b(counter)) : "";
    const keyAt = nested ? symbols.bytesOf(keys.b(counter)).length + 1 : 0;
    const key = decodeText(scratch.bytes, keyAt, scratch.end);
    const { values } = counters;
    const base = counters.at(counter);
    return {
      dimension: name,
      outer,
      key,
      identifier: labels.identifier(source) ?? key,
      human: labels.human(source) ?? key,
      id: id ?? this.#idOf(counter),
      hits: values[base + at.HITS]!,
      success: values[base + at.SUCCESS]!,
      error: values[base + at.ERROR]!,
      totalRequestTime: values[base + at.TOTAL_REQUEST_TIME]!,
      totalLatency: values[base + at.TOTAL_LATENCY]!,
      totalUpstreamLatency: values[base + at.TOTAL_UPSTREAM]!,
      maxLatency: values[base + at.MAX_LATENCY]!,
      maxUpstreamLatency: values[base + at.MAX_UPSTREAM]!,
      minLatency: values[base + at.MIN_LATENCY]!,
      minUpstreamLatency: values[base + at.MIN_UPSTREAM]!,
      lastTime: new GoTime(values[base + at.SECONDS]!, values[base + at.NANOS]!, this.#group.zone),
      openConnections: values[base + at.OPEN_CONNECTIONS]!,
      closedConnections: values[base + at.CLOSED_CONNECTIONS]!,
      bytesIn: values[base + at.BYTES_IN]!,
      bytesOut: values[base + at.BYTES_OUT]!,
      errors: this.#errors.of(counter),
    };
  }

  #source(counter: number): LabelSource {
    const { symbols, paths, keys, humans } = this.#aggregation;
    return { symbols, paths, first: keys.b(counter), second: keys.c(counter), human: humans[counter] ?? 0 };
  }

  /** The outer key, a dot, and the key. */
  #writeKey(counter: number): void {
    const { symbols, keys } = this.#aggregation;
    const { labels, nested } = this.#named(counter);
    scratch.end = 0;
    if (nested) {
      scratch.put(symbols.bytesOf(keys.b(counter)));
      scratch.text(".");
    }
    labels.key(this.#source(counter), scratch);
  }

  /** Of the counter whose key was written last. */
  #idOf(counter: number): string {
    return this.#idStart(counter) + scratch.bytes.toString("hex", 0, scratch.end);
  }

  #idStart(counter: number): string {
    const { keys, symbols } = this.#aggregation;
    const dimension = keys.a(counter) % DIMENSIONS;
    let start = this.#idStarts[dimension];
    if (start === undefined) {
      const { bucket, owner } = this.#group;
      const { name } = this.#named(counter);
      start = hex(String(bucket)) + symbols.bytesOf(owner).toString("hex") + hex(name);
      this.#idStarts[dimension] = start;
    }
    return start;
  }

  #named(counter: number): Named {
    const { keys, plan } = this.#aggregation;
    const dimension = keys.a(counter) % DIMENSIONS;
    if (dimension === TOTAL) return TOTAL_NAMED;
    if (dimension === TAGS) return TAGS_NAMED;
    const single = plan.dimensions[dimension];
    if (single) return { name: single.name, labels: single.labels, nested: single.nested ?? false };
    return { name: plan.lists[dimension - plan.dimensions.length]!.name, labels: plain, nested: false };
  }
}

const TOTAL_NAMED: Named = { name: "", labels: total, nested: false };
const TAGS_NAMED: Named = { name: "tags", labels: plain, nested: false };

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}

/** Which codes each counter has. Lists are made when they are asked for: those of all counters are megabytes. */
class Errors {
  readonly #aggregation: Aggregation;
  /** By counter: the number of its last code + 1; by code: that of the one before. */
  readonly #last: Int32Array;
  readonly #before: Int32Array;

  constructor(aggregation: Aggregation) {
    const { errors, keys } = aggregation;
    this.#aggregation = aggregation;
    this.#last = new Int32Array(keys.size);
    this.#before = new Int32Array(errors.size);
    for (let i = 0; i < errors.size; i++) {
      const counter = errors.a(i);
      this.#before[i] = this.#last[counter]!;
      this.#last[counter] = i + 1;
    }
  }

  of(counter: number): readonly ErrorCount[] {
    const { errors, errorCounts, symbols } = this.#aggregation;
    let next = this.#last[counter]!;
    if (next === 0) return NO_ERRORS;
    const list: ErrorCount[] = [];
    for (; next !== 0; next = this.#before[next - 1]!)
      list.push({ code: symbols.textOf(errors.b(next - 1)), count: errorCounts[next - 1]! });
    return list.length === 1 ? list : list.sort((a, b) => (a.code < b.code ? -1 : 1));
  }
}
