import type { RecordBatch } from "../record/batch.ts";
import { analyticsSchema, type FieldNode, type Leaf, leafOf, type Schema, uptimeSchema } from "../record/fields.ts";
import { MsgpackCursor } from "../record/msgpack.ts";
import { numberOf, propertyOf } from "../record/reader.ts";
import { type Run, runOf, writeRun } from "../record/run.ts";
import { EDITED, type RecordTable } from "../record/table.ts";
import type { AnalyticsRecord, Field } from "../record/types.ts";
import { writeIntegerOf } from "./integers.ts";
import { goJson, goMapJson, writeJsonText } from "./json-text.ts";
import { JsonPlace, writeProtoTexts, writeTextMap, writeTexts } from "./json-values.ts";
import { writeAscii, writeUint } from "./numbers.ts";
import { BOOLEAN, COMPUTED, FLOAT, INT, OPERATIONS, TEXT, TEXTS, TEXTS_MAP, TIME, VALUE } from "./operations.ts";
import { type Output, viewOf } from "./output.ts";
import { type Encoder, mostCopies, pagesOf, type RowWriter } from "./pages.ts";
import type { JsonOptions, Shape } from "./shape.ts";
import { MAX_TIME } from "./time.ts";
import { RowTimes } from "./times.ts";

/**
 * Records as JSON objects, as Go's encoding/json writes them: all fields there, nil as null, times as RFC 3339 in their own
 * zone, integers exact. What Go refuses, coordinates that are no finite numbers, is null.
 */
export function jsonEncoder<R = AnalyticsRecord>(shape: Shape<R>, options: JsonOptions<R> = {}): Encoder<R> {
  return pagesOf(new JsonRows(shape, options));
}

/** What stands before each value, and the value; then what stands after the last. */
interface Program<R> {
  readonly before: Run[];
  readonly values: (Leaf | ((record: R) => unknown))[];
  readonly ops: Uint8Array;
  readonly after: Run;
  /** Room for all but texts, lists and maps; how often one of these may come. */
  readonly fixed: number;
  readonly copies: number;
}

function program<R>(pieces: readonly (string | Leaf | ((record: R) => unknown))[], end: string): Program<R> {
  const before: Run[] = [];
  const values: (Leaf | ((record: R) => unknown))[] = [];
  let text = "";
  for (const piece of pieces) {
    if (typeof piece === "string") {
      text += piece;
      continue;
    }
    before.push(runOf(text));
    values.push(piece);
    text = "";
  }
  const after = runOf(text + end);
  const ops = Uint8Array.from(values, (value) => (typeof value === "function" ? COMPUTED : OPERATIONS[value.type]));
  const fixed = before.reduce((sum, { size }, i) => sum + size + (ops[i] === TIME ? MAX_TIME : 40), after.size + 64);
  return { before, values, ops, after, fixed, copies: mostCopies(values) };
}

/** The reference's whole record. */
function recordPieces(schema: Schema): (string | Leaf)[] {
  const pieces: (string | Leaf)[] = [];
  const object = (nodes: readonly FieldNode[], first: string) => {
    let open = first;
    for (const node of nodes) {
      if (node.json === "") continue;
      pieces.push(`${open}${JSON.stringify(node.json)}:`);
      if (node.node === "leaf") pieces.push(node);
      else object(node.children, "{");
      open = ",";
    }
    pieces.push("}");
  };
  // Uptime records have an id that only the reference's databases fill.
  object(schema.root.children, schema.kind === "uptime" ? '{"_id":"",' : "{");
  return pieces;
}

function shapePieces<R>(
  shape: Exclude<Shape<R>, "record">,
  schema: Schema,
): (string | Leaf | ((record: R) => unknown))[] {
  const pieces: (string | Leaf | ((record: R) => unknown))[] = [];
  let open = "{";
  for (const [name, value] of Object.entries(shape)) {
    pieces.push(`${open}${goJson(name)}:`);
    if (typeof value === "function") pieces.push(value);
    else if (isField(value)) pieces.push(leafOf(schema, value));
    else pieces.push(goJson(value));
    open = ",";
  }
  pieces.push(open === "{" ? "{}" : "}");
  return pieces;
}

function isField(value: unknown): value is Field {
  return typeof value === "object" && value !== null;
}

class JsonRows<R> implements RowWriter<R> {
  readonly open?: number;
  readonly between?: number;
  readonly close?: number;
  private readonly shape: Shape<R>;
  private readonly before: ((record: R) => string) | undefined;
  private readonly end: string;
  private readonly times = new RowTimes("rfc3339");
  private readonly place = new JsonPlace("null");
  private schema: Schema | null = null;
  private program: Program<R> = program([], "");
  private table: RecordTable | null = null;
  private from: DataView = new DataView(new ArrayBuffer(0));

  constructor(shape: Shape<R>, { join = "lines", before }: JsonOptions<R>) {
    this.shape = shape;
    this.before = before;
    this.end = join === "lines" ? "\n" : "";
    if (join === "array") {
      this.open = 91;
      this.between = 44;
      this.close = 93;
    }
    // Names are checked now, not at the first record.
    if (shape === "record") return;
    for (const field of Object.values(shape).filter(isField)) {
      if (!uptimeSchema.byName.has(field.name)) leafOf(analyticsSchema, field);
    }
  }

  guess(bytes: number): number {
    return 2 * bytes + 4096;
  }

  row(output: Output, table: RecordTable, row: number, batch: RecordBatch<R>, index: number): void {
    if (table !== this.table) this.setTable(table);
    if (this.before) output.text(this.before(batch.at(index)));
    const { before, values, ops, after, fixed, copies } = this.program;
    const { slots, bytes, protobuf } = table;
    const room = fixed + 6 * copies * (table.end(row) - table.start(row));
    output.ensure(room);
    const base = row * table.stride;
    let { bytes: out, view: to, at: o } = output;
    for (let v = 0; v < ops.length; v++) {
      o = writeRun(to, o, before[v]!);
      const op = ops[v]!;
      if (op === COMPUTED) {
        output.at = o;
        output.text(goJson((values[v] as (record: R) => unknown)(batch.at(index))));
        output.ensure(room);
        ({ bytes: out, view: to, at: o } = output);
        continue;
      }
      const leaf = values[v] as Leaf;
      const p = slots[base + leaf.slot]!;
      if (op === TEXT) {
        const size = slots[base + leaf.slot + 1]! - p;
        o =
          p < EDITED
            ? writeJsonText(bytes, this.from, p, size, out, to, o)
            : writeJsonText(table.edits, viewOf(table.edits), p - EDITED, size, out, to, o);
      } else if (op === INT) {
        const code = p === 0 ? 0 : bytes[p]!;
        o = code < 0x80 ? writeUint(to, o, code) : writeIntegerOf(to, o, table, row, leaf);
      } else if (op === BOOLEAN) {
        o = writeAscii(
          to,
          o,
          (protobuf ? numberOf(table, row, leaf) !== 0 : bytes[p] === 0xc3 && p > 0) ? "true" : "false",
        );
      } else if (op === TIME) {
        out[o] = 34;
        o = this.times.write(to, o + 1, table, row, leaf);
        out[o++] = 34;
      } else if (op === FLOAT) {
        o = writeAscii(to, o, p === 0 ? "0" : float(numberOf(table, row, leaf)));
      } else if (p === 0) {
        o = writeAscii(to, o, "null");
      } else if (op === TEXTS && protobuf) {
        o = writeProtoTexts(table, row, leaf, this.place.at(bytes, out, to), o);
      } else if (op === VALUE || protobuf) {
        output.at = o;
        const value = propertyOf(table, row, leaf);
        output.text(op === TEXTS_MAP ? goMapJson(value as { [key: string]: unknown }) : goJson(value));
        output.ensure(room);
        ({ bytes: out, view: to, at: o } = output);
      } else if (op === TEXTS) o = writeTexts(new MsgpackCursor(bytes, p), this.place.at(bytes, out, to), o);
      else o = writeTextMap(bytes, p, op === TEXTS_MAP, this.place.at(bytes, out, to), o);
    }
    output.at = writeRun(to, o, after);
  }

  private setTable(table: RecordTable): void {
    this.table = table;
    this.from = viewOf(table.bytes);
    if (table.schema === this.schema) return;
    const { shape, end } = this;
    this.schema = table.schema;
    const pieces = shape === "record" ? recordPieces(table.schema) : shapePieces(shape, table.schema);
    this.program = program(pieces, end);
  }
}

/** JavaScript and Go agree on the shortest digits and on when to use an exponent. */
function float(value: number): string {
  if (!Number.isFinite(value)) return "null";
  return Object.is(value, -0) ? "-0" : String(value);
}
