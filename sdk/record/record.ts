import { createHash } from "node:crypto";
import { analyticsSchema, type Leaf, leafOf, type Schema, uptimeSchema } from "./fields.ts";
import { bigIntOf, numberOf, objectOf, propertyOf, textBytesOf, textOf, timeOf } from "./reader.ts";
import type { BatchScope } from "./scope.ts";
import type { RecordTable } from "./table.ts";
import { decodeBytes } from "./text.ts";
import type { Field, Part, RecordBase } from "./types.ts";

/** One run of rows, as the records in it see it. */
export interface Home {
  readonly table: RecordTable;
  readonly part: Part;
  /** Index in the chunk of row 0. */
  readonly firstIndex: number;
  readonly scope: BatchScope;
  /** Of the chunk's id; made when first needed. */
  hash: Uint8Array | null;
}

/** The chunk that a record was first in: a dead letter comes again under a name of its own, `<chunk>~<letter>`. */
function originOf(chunk: string): string {
  const end = chunk.indexOf("~");
  return end < 0 ? chunk : chunk.slice(0, end);
}

/** A row of a table. Small: it is made anew each time a record is asked for. */
export class RecordView implements RecordBase {
  readonly ref: number;
  readonly home: Home;
  readonly row: number;

  constructor(home: Home, row: number, ref: number) {
    this.home = home;
    this.row = row;
    this.ref = ref;
  }

  get index(): number {
    this.home.scope.check();
    return this.home.firstIndex + this.row;
  }

  get part(): Part {
    this.home.scope.check();
    return this.home.part;
  }

  get id(): string {
    return `${originOf(this.part.chunk)}.${this.index}`;
  }

  idBytes(length: 8 | 12 | 16): Uint8Array {
    const { home, index } = this;
    home.hash ??= createHash("sha256").update(originOf(home.part.chunk)).digest();
    const bytes = Uint8Array.from(home.hash.subarray(0, length));
    // A chunk has a thousand records or so: two bytes hold the index, and more of a short id is left for the chunk.
    bytes.fill(0, length - (length === 8 ? 2 : 4));
    for (let i = 1, rest = index; i <= 4; i++, rest >>>= 8) bytes[length - i]! ^= rest & 255;
    return bytes;
  }

  text(field: Field): string {
    const leaf = this.leaf(field);
    const { table } = this.home;
    if (leaf.type === "text") return textOf(table, this.row, leaf);
    if (leaf.type === "time") return timeOf(table, this.row, leaf).text("rfc3339");
    if (leaf.kind === "number") {
      const number = numberOf(table, this.row, leaf);
      const exact = leaf.type === "float" || Number.isSafeInteger(number);
      return String(exact ? number : bigIntOf(table, this.row, leaf));
    }
    const value = propertyOf(table, this.row, leaf);
    return value === null ? "" : leaf.kind === "boolean" ? String(value) : JSON.stringify(value);
  }

  number(field: Field): number {
    const leaf = this.leaf(field);
    if (leaf.kind === "time") return timeOf(this.home.table, this.row, leaf).ms;
    return leaf.kind === "number" || leaf.kind === "boolean" ? numberOf(this.home.table, this.row, leaf) : 0;
  }

  bytes(field: Field): Uint8Array {
    const leaf = this.leaf(field);
    if (leaf.type === "text") return Uint8Array.from(textBytesOf(this.home.table, this.row, leaf));
    if (leaf.kind === "list" || leaf.kind === "map") {
      const value = propertyOf(this.home.table, this.row, leaf, decodeBytes);
      return Uint8Array.from(Buffer.from(value === null ? "" : JSON.stringify(value), "latin1"));
    }
    return new TextEncoder().encode(this.text(field));
  }

  toObject(): { [name: string]: unknown } {
    this.home.scope.check();
    return objectOf(this.home.table, this.row);
  }

  private leaf(field: Field): Leaf {
    this.home.scope.check();
    return leafOf(this.home.table.schema, field);
  }
}

export type RecordClass = new (home: Home, row: number, ref: number) => RecordView;

function compile(schema: Schema): RecordClass {
  const View = class extends RecordView {};
  for (const leaf of schema.leaves) {
    Object.defineProperty(View.prototype, leaf.property, { get: getter(leaf), enumerable: true });
  }
  return View;
}

function getter(leaf: Leaf): (this: RecordView) => unknown {
  switch (leaf.type) {
    case "text":
      return function () {
        this.home.scope.check();
        return textOf(this.home.table, this.row, leaf);
      };
    case "int64":
    case "int32":
    case "uint32":
    case "float":
      return function () {
        this.home.scope.check();
        return numberOf(this.home.table, this.row, leaf);
      };
    case "boolean":
      return function () {
        this.home.scope.check();
        return numberOf(this.home.table, this.row, leaf) !== 0;
      };
    default:
      return function () {
        this.home.scope.check();
        return propertyOf(this.home.table, this.row, leaf);
      };
  }
}

const AnalyticsView = compile(analyticsSchema);
const UptimeView = compile(uptimeSchema);

export function recordClass(schema: Schema): RecordClass {
  return schema.kind === "uptime" ? UptimeView : AnalyticsView;
}

/** Whether it is a record of the sdk's own, and no look-alike. */
export function isRecord(what: unknown): what is RecordView {
  return what instanceof RecordView;
}
