import { viewOf } from "../encode/output.ts";
import { recordBatch } from "../record/batch.ts";
import { MsgpackCursor } from "../record/msgpack.ts";
import { eachProtoText, numberOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import type { Batch } from "../record/types.ts";
import { Buckets, type Group } from "./buckets.ts";
import { BYTES_IN, BYTES_OUT, CLOSED_CONNECTIONS, Counters, OPEN_CONNECTIONS, Unit } from "./counters.ts";
import { type AggregateKind, type Dimension, type ListDimension, leafFor, PLANS, type Plan } from "./dimensions.ts";
import { type AggregateGroup, groupsOf } from "./groups.ts";
import { flag, int } from "./slots.ts";
import { ALWAYS, PLACE_COUNT, PLACES, type Read, readsOf, type Step, stepOf, textsOf } from "./steps.ts";
import { grown, Symbols } from "./symbols.ts";
import { Tags } from "./tags.ts";
import { Tuples } from "./tuples.ts";

export interface AggregateRules {
  readonly kind: AggregateKind;
  /** Counts the paths of all records, not only of those that ask for it; default false. */
  readonly trackAllPaths?: boolean;
  /** Tags that begin so, white space included, are not counted. */
  readonly ignoreTagPrefixes?: readonly string[];
  /** Names of dimensions that are not counted. */
  readonly ignore?: readonly string[];
  /** What a bucket covers, of the hour on the record's own clock: 1 to 60, default 60. */
  readonly minutes?: number;
  /** Keeps the days (on the record's own clock) apart, where one bucket may have two. */
  readonly daily?: boolean;
}

/** Numbers of dimensions, beside those of a plan: a counter says group and dimension by one number. */
export const TAGS = 30;
export const TOTAL = 31;
export const DIMENSIONS = 32;

/** Place of `apiid` among the dimensions of all plans. */
const API_ID = 0;
const NETWORK_STATISTICS = -1;

const CODE = leafFor("responseCode");
const ORG = leafFor("orgId");
const TAG_LIST = leafFor("tags");
const TRACK = leafFor("trackPath");
const IS_GRAPHQL = leafFor("isGraphql");
const IS_MCP = leafFor("isMcp");
const HAS_ERRORS = leafFor("graphqlHasErrors");
const OPERATION = leafFor("graphqlOperationType");
const REQUEST_TIME = leafFor("requestTime");
const LATENCY = leafFor("latencyTotal");
const UPSTREAM = leafFor("latencyUpstream");
const NETWORK = [
  [OPEN_CONNECTIONS, leafFor("networkOpenConnections")],
  [CLOSED_CONNECTIONS, leafFor("networkClosedConnections")],
  [BYTES_IN, leafFor("networkBytesIn")],
  [BYTES_OUT, leafFor("networkBytesOut")],
] as const;
const BYTES = NETWORK.slice(2);

const OPERATIONS = ["", "Query", "Mutation", "Subscription"];

/**
 * Counts records into buckets: by organisation or API, for each dimension and key. Keys are numbers made from the bytes of slots, and
 * counters are rows of one typed array, so that a record whose keys are known allocates nothing.
 */
export class Aggregation {
  readonly rules: AggregateRules;
  readonly plan: Plan;
  readonly symbols = new Symbols();
  readonly counters = new Counters();
  /** (32 times the group and the dimension, key, second part of the key): numbers of counters. */
  readonly keys = new Tuples();
  /** (api id, path, 0) */
  readonly paths = new Tuples();
  /** (counter, symbol of a code, 0), and how often. */
  readonly errors = new Tuples();
  errorCounts = new Float64Array(1024);
  /** By counter: the symbol of the name seen last. */
  humans = new Int32Array(1024);
  readonly #tags: Tags;
  readonly #countTags: boolean;
  readonly #buckets: Buckets;
  readonly #owner: number;
  readonly #reads: readonly Read[];
  readonly #trackedReads: readonly Read[];
  readonly #always: readonly Step[];
  readonly #tracked: readonly Step[];
  readonly #lists: readonly (ListDimension & { id: number })[];
  readonly #values = new Int32Array(PLACE_COUNT);
  readonly #unit = new Unit();
  /** With GraphQL errors. */
  readonly #graphUnit = new Unit();
  readonly #codes = new Int32Array(1000);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Throws RangeError for a length of buckets that there is not. */
  constructor(rules: AggregateRules) {
    this.rules = rules;
    const { kind, ignore = [], ignoreTagPrefixes = [], minutes = 60, daily = false } = rules;
    this.plan = PLANS[kind];
    this.#buckets = new Buckets(minutes, daily);
    this.#tags = new Tags(this.symbols, ignoreTagPrefixes);
    this.#countTags = !ignore.includes("tags");
    const { dimensions, lists, owner } = this.plan;
    const counted = dimensions.filter(({ name }) => !ignore.includes(name));
    const always = counted.filter(({ tracked }) => !tracked);
    const tracked = counted.filter((dimension) => dimension.tracked);
    const step = (dimension: Dimension): Step => stepOf(dimension, dimensions.indexOf(dimension));
    this.#owner = PLACES[owner];
    this.#always = always.map(step);
    this.#tracked = tracked.map(step);
    const first = textsOf(["orgId", "apiId"], always);
    this.#reads = readsOf(first);
    this.#trackedReads = readsOf([...textsOf([], tracked)].filter((source) => !first.has(source)));
    this.#lists = lists
      .map((list, i) => ({ ...list, id: dimensions.length + i }))
      .filter(({ name }) => !ignore.includes(name));
    this.clear();
  }

  get groups(): readonly Group[] {
    return this.#buckets.groups;
  }

  /** How many counters there are. */
  get size(): number {
    return this.keys.size;
  }

  /** About what they take of memory. */
  get bytes(): number {
    return this.symbols.bytes + 256 * this.size;
  }

  /** Counts the records. Returns those of another kind; null if there are none. */
  add<R>(batch: Batch<R>): Batch<R> | null {
    const records = recordBatch(batch);
    const others: number[] = [];
    for (const { table, rows, i } of records.runs()) {
      this.#view = viewOf(table.bytes);
      for (let j = 0; j < rows.length; j++) if (!this.#count(table, rows[j]!)) others.push(records.refAt(i + j));
    }
    return others.length === 0 ? null : records.pick(Uint32Array.from(others));
  }

  /** What was counted since the last `clear`, by organisation (or API) and bucket. */
  results(): AggregateGroup[] {
    return groupsOf(this);
  }

  /** Begins anew, in the same memory. */
  clear(): void {
    this.symbols.clear();
    this.counters.clear();
    this.keys.clear();
    this.paths.clear();
    this.errors.clear();
    this.errorCounts.fill(0);
    this.humans.fill(0);
    this.#tags.clear();
    this.#buckets.clear();
    this.#codes.fill(0);
    this.#values[ALWAYS] = 1;
  }

  /** False: the record is of another kind. */
  #count(table: RecordTable, row: number): boolean {
    const { slots, stride } = table;
    const base = row * stride;
    if (!this.#isOurs(table, row)) return false;
    const values = this.#values;
    this.#read(this.#reads, slots, base);
    const unit = this.#unit;
    const group = this.#buckets.of(table, row, base, values[this.#owner]!, values[PLACES.orgId]!, unit);
    const keyBase = DIMENSIONS * group;
    const code = int(table, row, base, CODE);
    if (code === NETWORK_STATISTICS) {
      this.#countNetwork(table, row, base, keyBase);
      return true;
    }
    unit.requestTime = int(table, row, base, REQUEST_TIME);
    unit.latency = int(table, row, base, LATENCY);
    unit.upstream = int(table, row, base, UPSTREAM);
    unit.success = code >= 200 && code < 300 ? 1 : 0;
    unit.error = code >= 400 ? 1 : 0;
    const error = code >= 400 ? this.#codeSymbol(code) : 0;
    values[PLACES.code] = error;
    if (this.rules.kind === "graphql") this.#countGraph(table, row, keyBase, error);
    this.#hit(this.keys.of(keyBase + TOTAL, 0, 0), unit, error, true);
    this.#run(this.#always, slots, base, keyBase, error);
    if (this.#tracked.length > 0 && (this.rules.trackAllPaths === true || flag(table, row, base, TRACK))) {
      this.#read(this.#trackedReads, slots, base);
      values[PLACES.endpoint] = this.paths.of(values[PLACES.apiId]!, values[PLACES.path]!, 0);
      this.#run(this.#tracked, slots, base, keyBase, error);
    }
    if (this.#countTags && slots[base + TAG_LIST.slot] !== 0) this.#countTagList(table, row, base, keyBase, error);
    return true;
  }

  #isOurs(table: RecordTable, row: number): boolean {
    const base = row * table.stride;
    switch (this.rules.kind) {
      case "graphql":
        return flag(table, row, base, IS_GRAPHQL);
      case "mcp":
        return flag(table, row, base, IS_MCP);
      default: {
        const org = base + ORG.slot;
        const empty = table.slots[org] === table.slots[org + 1];
        return !empty && !flag(table, row, base, IS_GRAPHQL) && !flag(table, row, base, IS_MCP);
      }
    }
  }

  #read(reads: readonly Read[], slots: Uint32Array, base: number): void {
    const { symbols } = this;
    const values = this.#values;
    const view = this.#view;
    for (let i = 0; i < reads.length; i++) {
      const { place, slot } = reads[i]!;
      values[place] = symbols.intern(view, slots[base + slot]!, slots[base + slot + 1]!);
    }
  }

  #run(steps: readonly Step[], slots: Uint32Array, base: number, keyBase: number, error: number): void {
    const values = this.#values;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      if (values[step.needs] === 0) continue;
      const counter = this.keys.of(keyBase + step.id, values[step.first]!, values[step.second]!);
      this.#hit(counter, step.graphErrors ? this.#graphUnit : this.#unit, error, false);
      if (step.human >= 0) this.#name(counter, slots[base + step.human]!, slots[base + step.human + 1]!);
    }
  }

  #hit(counter: number, unit: Unit, error: number, total: boolean): void {
    const { counters } = this;
    counters.hit(counters.at(counter), unit, total);
    if (error === 0) return;
    const place = this.errors.of(counter, error, 0);
    if (place >= this.errorCounts.length) this.errorCounts = grown(this.errorCounts, 2 * place);
    this.errorCounts[place]!++;
  }

  /** An empty name does not take a known one away. */
  #name(counter: number, start: number, end: number): void {
    if (start === end) return;
    if (counter >= this.humans.length) this.humans = grown(this.humans, 2 * counter);
    if (this.symbols.has(this.humans[counter]!, this.#view, start, end)) return;
    this.humans[counter] = this.symbols.intern(this.#view, start, end);
  }

  #countTagList(table: RecordTable, row: number, base: number, keyBase: number, error: number): void {
    const add = (start: number, end: number) => {
      const tag = this.#tags.of(this.symbols.intern(this.#view, start, end));
      if (tag !== 0) this.#hit(this.keys.of(keyBase + TAGS, tag, 0), this.#unit, error, false);
    };
    if (table.protobuf) {
      eachProtoText(table, row, TAG_LIST, add);
      return;
    }
    const cursor = new MsgpackCursor(table.bytes, table.slots[base + TAG_LIST.slot]!);
    for (let left = cursor.enter(); left > 0; left--) add(cursor.text(), cursor.p);
  }

  /** A GraphQL error counts as an error here, whatever the response code; the response codes themselves stay. */
  #countGraph(table: RecordTable, row: number, keyBase: number, error: number): void {
    const unit = Object.assign(this.#graphUnit, this.#unit);
    if (flag(table, row, row * table.stride, HAS_ERRORS)) {
      unit.error = 1;
      unit.success = 0;
    }
    this.#values[PLACES.operation] = this.symbols.internText(OPERATIONS[numberOf(table, row, OPERATION)] ?? "");
    for (const { id, keys } of this.#lists) {
      for (const key of keys(table, row)) {
        this.#hit(this.keys.of(keyBase + id, this.symbols.internText(key), 0), unit, error, false);
      }
    }
  }

  /** No request: bytes and connections of the total, bytes of the API. */
  #countNetwork(table: RecordTable, row: number, base: number, keyBase: number): void {
    const { counters } = this;
    const total = counters.at(this.keys.of(keyBase + TOTAL, 0, 0));
    counters.seen(total, this.#unit);
    for (const [place, leaf] of NETWORK) counters.values[total + place]! += numberOf(table, row, leaf);
    const api = this.#always.find(({ id }) => id === API_ID);
    if (!api || this.#values[api.first] === 0) return;
    const counter = this.keys.of(keyBase + api.id, this.#values[api.first]!, 0);
    const at = counters.at(counter);
    counters.seen(at, this.#unit);
    for (const [place, leaf] of BYTES) counters.values[at + place]! += numberOf(table, row, leaf);
    this.#name(counter, table.slots[base + api.human]!, table.slots[base + api.human + 1]!);
  }

  /** Of the code in decimal. */
  #codeSymbol(code: number): number {
    const known = this.#codes[code];
    if (known) return known;
    const symbol = this.symbols.internText(String(code));
    if (code < this.#codes.length) this.#codes[code] = symbol;
    return symbol;
  }
}
