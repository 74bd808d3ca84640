import { decodeText } from "../record/text.ts";
import { GoTime } from "../record/time.ts";
import type { Timestamp } from "../record/types.ts";
import { type Aggregation, DIMENSIONS, TAGS, TOTAL } from "./aggregation.ts";
import * as at from "./counters.ts";
import { type Labels, plain, total } from "./labels.ts";

/** One organisation (REST) or API (GraphQL, MCP) in one bucket. */
export interface AggregateGroup {
  readonly org: string;
  /** Of GraphQL and MCP aggregates; else "". */
  readonly api: string;
  /** When the bucket begins. */
  readonly bucket: Timestamp;
  /** The latest of its records. */
  readonly expireAt: Timestamp;
  readonly counters: readonly AggregateCounter[];
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
const DOT = Buffer.from(".");

export function groupsOf(aggregation: Aggregation): AggregateGroup[] {
  const { symbols, plan, keys, groups } = aggregation;
  const errors = errorsOf(aggregation);
  const lists: AggregateCounter[][] = groups.map(() => []);
  for (let counter = 0; counter < keys.size; counter++) {
    const group = Math.floor(keys.a(counter) / DIMENSIONS);
    lists[group]!.push(counterOf(aggregation, counter, errors.get(counter) ?? NO_ERRORS));
  }
  return groups.map(({ owner, org, bucket, zone, expireAt }, i) => ({
    org: symbols.textOf(org),
    api: plan.owner === "apiId" ? symbols.textOf(owner) : "",
    bucket: new GoTime(bucket, 0, zone),
    expireAt: new GoTime(expireAt, 0, zone),
    counters: lists[i]!,
  }));
}

function counterOf(aggregation: Aggregation, counter: number, errors: readonly ErrorCount[]): AggregateCounter {
  const { keys, symbols, groups, counters } = aggregation;
  const group = groups[Math.floor(keys.a(counter) / DIMENSIONS)]!;
  const { name, labels } = labelsOf(aggregation, counter);
  const { outer, key, identifier, human } = labels;
  const parts = [Buffer.from(String(group.bucket)), symbols.bytesOf(group.owner), Buffer.from(name)];
  if (outer) parts.push(Buffer.from(outer), DOT);
  parts.push(Buffer.from(key));
  const base = counters.at(counter);
  const number = (place: number) => counters.values[base + place]!;
  return {
    dimension: name,
    outer: outer ? textOf(outer) : "",
    key: textOf(key),
    identifier,
    human,
    id: Buffer.concat(parts).toString("hex"),
    hits: number(at.HITS),
    success: number(at.SUCCESS),
    error: number(at.ERROR),
    totalRequestTime: number(at.TOTAL_REQUEST_TIME),
    totalLatency: number(at.TOTAL_LATENCY),
    totalUpstreamLatency: number(at.TOTAL_UPSTREAM),
    maxLatency: number(at.MAX_LATENCY),
    maxUpstreamLatency: number(at.MAX_UPSTREAM),
    minLatency: number(at.MIN_LATENCY),
    minUpstreamLatency: number(at.MIN_UPSTREAM),
    lastTime: new GoTime(number(at.SECONDS), number(at.NANOS), group.zone),
    openConnections: number(at.OPEN_CONNECTIONS),
    closedConnections: number(at.CLOSED_CONNECTIONS),
    bytesIn: number(at.BYTES_IN),
    bytesOut: number(at.BYTES_OUT),
    errors,
  };
}

function labelsOf(aggregation: Aggregation, counter: number): { name: string; labels: Labels } {
  const { symbols, paths, keys, humans, plan } = aggregation;
  const source = { symbols, paths, first: keys.b(counter), second: keys.c(counter), human: humans[counter] ?? 0 };
  const dimension = keys.a(counter) % DIMENSIONS;
  if (dimension === TOTAL) return { name: "", labels: total(source) };
  if (dimension === TAGS) return { name: "tags", labels: plain(source) };
  const single = plan.dimensions[dimension];
  if (single) return { name: single.name, labels: single.labels(source) };
  return { name: plan.lists[dimension - plan.dimensions.length]!.name, labels: plain(source) };
}

function errorsOf({ errors, errorCounts, symbols }: Aggregation): Map<number, ErrorCount[]> {
  const lists = new Map<number, ErrorCount[]>();
  for (let i = 0; i < errors.size; i++) {
    const counted = { code: symbols.textOf(errors.b(i)), count: errorCounts[i]! };
    const list = lists.get(errors.a(i));
    if (list) list.push(counted);
    else lists.set(errors.a(i), [counted]);
  }
  for (const list of lists.values()) if (list.length > 1) list.sort((a, b) => (a.code < b.code ? -1 : 1));
  return lists;
}

function textOf(bytes: Uint8Array): string {
  return decodeText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}
