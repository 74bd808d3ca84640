import { viewOf } from "../encode/output.ts";
import { recordBatch } from "../record/batch.ts";
import type { Leaf } from "../record/fields.ts";
import { INT_SIZE, intAt, MsgpackCursor } from "../record/msgpack.ts";
import { eachProtoText, numberOf, timeOf } from "../record/reader.ts";
import type { RecordTable } from "../record/table.ts";
import { ZERO_SECONDS } from "../record/time.ts";
import type { Batch } from "../record/types.ts";
import { UTC, type Zone } from "../record/zone.ts";
import { BYTES_IN, BYTES_OUT, CLOSED_CONNECTIONS, Counters, OPEN_CONNECTIONS, Unit } from "./counters.ts";
import {
  type AggregateKind,
  type Dimension,
  type ListDimension,
  leafFor,
  PLANS,
  type Plan,
  type Source,
} from "./dimensions.ts";
import { type AggregateGroup, groupsOf } from "./groups.ts";
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

/** One organisation (or API), one bucket. */
export interface Group {
  readonly owner: number;
  readonly org: number;
  /** Start of the bucket, Unix seconds. */
  readonly bucket: number;
  readonly zone: Zone;
  /** When its records expire; the latest. */
  expireAt: number;
}

/** Labels of counters besides those of a plan's dimensions. */
export const TAGS = 30;
export const TOTAL = 31;
export const DIMENSIONS = 32;

/** Place of `apiid` among the dimensions of all plans. */
const API_ID = 0;
const NETWORK_STATISTICS = -1;
/** 9999-12-31T23:59:59Z: times that databases can keep. */
const LAST_SECONDS = 253402300799;
const DAY = 86400;
const HOUR = 3600;

const CODE = leafFor("responseCode");
const TIME = leafFor("timestamp");
const EXPIRE_AT = leafFor("expireAt");
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

/** Where the symbol of each source lies while a record is counted. */
const PLACES: { readonly [source in Source]: number } = {
  orgId: 0,
  apiId: 1,
  apiVersion: 2,
  apiKey: 3,
  oauthId: 4,
  geoCountryIsoCode: 5,
  mcpJsonrpcMethod: 6,
  mcpPrimitiveType: 7,
  mcpPrimitiveName: 8,
  path: 9,
  code: 10,
  operation: 11,
  endpoint: 12,
};
/** Is always 0, and always 1. */
const NOTHING = 13;
const ALWAYS = 14;
const ENDPOINT: readonly Source[] = ["apiId", "path"];
/** Are computed, not read. */
const COMPUTED: readonly Source[] = ["code", "operation"];

/** A dimension, by numbers. */
interface Step {
  readonly id: number;
  readonly first: number;
  readonly second: number;
  readonly needs: number;
  /** Slot of the text that names its keys; -1: none. */
  readonly human: number;
  readonly graphErrors: boolean;
}

/** A text that each record is asked for. */
interface Read {
  readonly place: number;
  readonly slot: number;
}

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
  groups: Group[] = [];
  readonly #tags: Tags;
  readonly #countTags: boolean;
  readonly #bucketSeconds: number;
  readonly #owner: number;
  readonly #reads: readonly Read[];
  readonly #trackedReads: readonly Read[];
  readonly #always: readonly Step[];
  readonly #tracked: readonly Step[];
  readonly #lists: readonly (ListDimension & { id: number })[];
  readonly #values = new Int32Array(15);
  readonly #unit = new Unit();
  /** With GraphQL errors. */
  readonly #graphUnit = new Unit();
  readonly #buckets = new Map<number, number>();
  readonly #groupKeys = new Tuples();
  readonly #codes = new Int32Array(1000);
  #last = { owner: -1, bucket: 0, day: 0, group: 0 };
  #zone: Zone = UTC;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Throws RangeError for a length of buckets that there is not. */
  constructor(rules: AggregateRules) {
    this.rules = rules;
    const { kind, ignore = [], ignoreTagPrefixes = [], minutes = 60 } = rules;
    if (!Number.isInteger(minutes) || minutes < 1 || minutes > 60)
      throw new RangeError(`A bucket covers 1 to 60 minutes, not ${minutes}`);
    this.plan = PLANS[kind];
    this.#bucketSeconds = 60 * minutes;
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
    const first = new Set<Source>(["orgId", "apiId", ...sourcesOf(always)]);
    this.#reads = readsOf(first);
    this.#trackedReads = readsOf(new Set(sourcesOf(tracked).filter((source) => !first.has(source))));
    this.#lists = lists
      .map((list, i) => ({ ...list, id: dimensions.length + i }))
      .filter(({ name }) => !ignore.includes(name));
    this.clear();
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
    this.groups = [];
    this.#tags.clear();
    this.#buckets.clear();
    this.#groupKeys.clear();
    this.#codes.fill(0);
    this.#last.owner = -1;
    this.#values[ALWAYS] = 1;
  }

  /** False: the record is of another kind. */
  #count(table: RecordTable, row: number): boolean {
    const { slots, stride } = table;
    const base = row * stride;
    if (!this.#isOurs(table, row)) return false;
    const values = this.#values;
    this.#read(this.#reads, slots, base);
    const group = this.#readTime(table, row, base);
    const keyBase = DIMENSIONS * group;
    const code = int(table, row, base, CODE);
    if (code === NETWORK_STATISTICS) {
      this.#countNetwork(table, row, base, keyBase);
      return true;
    }
    const unit = this.#unit;
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

  /** Sets the unit's time and returns the record's group. */
  #readTime(table: RecordTable, row: number, base: number): number {
    const unit = this.#unit;
    const p = table.slots[base + TIME.slot]!;
    let seconds = ZERO_SECONDS;
    let nanos = 0;
    let zone = UTC;
    if (p !== 0 && !table.protobuf) {
      const { bytes } = table;
      seconds = intAt(bytes, p + 1);
      nanos = intAt(bytes, p + 1 + INT_SIZE[bytes[p + 1]!]!);
      zone = table.localZone;
    }
    if (p !== 0 && (table.protobuf || !(nanos >= 0 && nanos < 1e9))) {
      const time = timeOf(table, row, TIME);
      seconds = time.seconds;
      nanos = time.nanos;
      zone = time.where;
    }
    if (!(seconds >= ZERO_SECONDS && seconds <= LAST_SECONDS)) {
      seconds = seconds > 0 ? LAST_SECONDS : ZERO_SECONDS;
      nanos = 0;
    }
    unit.seconds = seconds;
    unit.nanos = nanos;
    this.#zone = zone;
    const wall = zone.utc ? seconds : seconds + zone.at(seconds).offset;
    // Buckets begin anew with each hour.
    const ofHour = wall - HOUR * Math.floor(wall / HOUR);
    const bucket = seconds - (ofHour % this.#bucketSeconds);
    return this.#group(table, row, base, bucket, this.rules.daily === true ? Math.floor(wall / DAY) : 0);
  }

  #group(table: RecordTable, row: number, base: number, bucket: number, day: number): number {
    const last = this.#last;
    const owner = this.#values[this.#owner]!;
    if (owner !== last.owner || bucket !== last.bucket || day !== last.day) {
      last.owner = owner;
      last.bucket = bucket;
      last.day = day;
      last.group = this.#findGroup(owner, bucket, day);
    }
    const group = this.groups[last.group]!;
    // Only Mongo keeps it.
    const p = table.slots[base + EXPIRE_AT.slot]!;
    if (p !== 0) {
      const expireAt = table.protobuf ? timeOf(table, row, EXPIRE_AT).seconds : intAt(table.bytes, p + 1);
      if (expireAt > group.expireAt) group.expireAt = Math.min(expireAt, LAST_SECONDS);
    }
    return last.group;
  }

  #findGroup(owner: number, bucket: number, day: number): number {
    let number = this.#buckets.get(bucket);
    if (number === undefined) {
      number = this.#buckets.size;
      this.#buckets.set(bucket, number);
    }
    const group = this.#groupKeys.of(owner, number, day);
    if (group === this.groups.length) {
      const org = this.#values[PLACES.orgId]!;
      this.groups.push({ owner, org, bucket, zone: this.#zone, expireAt: ZERO_SECONDS });
    }
    return group;
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

/** What is read of a record for these dimensions. */
function sourcesOf(dimensions: readonly Dimension[]): Source[] {
  return dimensions.flatMap(({ key }) => key.flatMap((source) => (source === "endpoint" ? ENDPOINT : [source])));
}

function readsOf(sources: ReadonlySet<Source>): Read[] {
  const texts = [...sources].filter((source) => !COMPUTED.includes(source));
  return texts.map((source) => ({ place: PLACES[source], slot: leafFor(source).slot }));
}

function stepOf({ key, needs, human, graphErrors }: Dimension, id: number): Step {
  return {
    id,
    first: PLACES[key[0]],
    second: key[1] ? PLACES[key[1]] : NOTHING,
    needs: needs ? PLACES[needs] : ALWAYS,
    human: human ? leafFor(human).slot : -1,
    graphErrors: graphErrors ?? false,
  };
}

/** An integer; most have one byte. */
function int(table: RecordTable, row: number, base: number, leaf: Leaf): number {
  const p = table.slots[base + leaf.slot]!;
  if (p === 0) return 0;
  const first = table.bytes[p]!;
  if (first < 0x80) return first;
  return table.protobuf ? numberOf(table, row, leaf) : intAt(table.bytes, p);
}

function flag(table: RecordTable, row: number, base: number, leaf: Leaf): boolean {
  const p = table.slots[base + leaf.slot]!;
  if (p === 0) return false;
  return table.protobuf ? numberOf(table, row, leaf) !== 0 : table.bytes[p] === 0xc3;
}
