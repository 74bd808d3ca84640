import { analyticsSchema, type Schema, uptimeSchema } from "./fields.ts";
import { MsgpackScanner, type Trace } from "./scan-msgpack.ts";
import { ProtobufScanner } from "./scan-protobuf.ts";
import { compileShape, type ShapeScan } from "./shape.ts";
import { claimSlots, publishSlots } from "./shared-slots.ts";
import { type Page, RecordTable, type Unreadable } from "./table.ts";

export interface Scanner {
  /** Scans each record once. Never throws for what lies in a record: such a record's row is zero, and it is named in `unreadable`. */
  scan(page: Page): { table: RecordTable; unreadable: Unreadable[] };
}

/** One for a thread: it keeps what it has learned of the shapes of records, and the memory of released tables. */
export function createScanner(options: { generate?: boolean } = {}): Scanner {
  const free: Uint32Array[] = [];
  const generate = options.generate ?? true;
  const analytics = new ShapeLearner(analyticsSchema, generate);
  const uptime = new ShapeLearner(uptimeSchema, generate);
  const protobuf = new ProtobufScanner();
  return {
    scan(page) {
      const schema = page.wire === "uptime" ? uptimeSchema : analyticsSchema;
      const claim = page.shared ? claimSlots(page.shared) : "own";
      const table = new RecordTable(page, schema, free, claim === "own" ? null : page.shared!.subarray(1));
      if (claim === "take") return { table, unreadable: [] };
      if (claim === "scan") table.slots.fill(0);
      const unreadable: Unreadable[] = [];
      if (table.protobuf) {
        for (let row = 0; row < table.count; row++) {
          if (protobuf.scan(table, row)) continue;
          table.clear(row);
          unreadable.push({ row, reason: protobuf.reason(table.start(row)) });
        }
      } else (page.wire === "uptime" ? uptime : analytics).scan(table, unreadable);
      // Why a record cannot be read is not shared: then each finds out for itself.
      if (claim === "scan" && unreadable.length === 0) publishSlots(page.shared!);
      return { table, unreadable };
    },
  };
}

const SHAPES = 4;
/** A shape is learned when it was seen this often, so that odd records cost no generation. */
const LEARN_AFTER = 8;
/** Generations that hostile records can cause: so many at once, then one in so many records. */
const GENERATIONS = 16;
const RECORDS_A_GENERATION = 50_000;
const MAX_SIGNATURES = 256;

class ShapeLearner {
  private readonly schema: Schema;
  private readonly general: MsgpackScanner;
  private readonly shapes: ShapeScan[] = [];
  private readonly seen = new Map<number, number>();
  private left: number;
  private records = 0;

  constructor(schema: Schema, generate: boolean) {
    this.schema = schema;
    this.general = new MsgpackScanner(schema);
    this.left = generate ? GENERATIONS : Number.NEGATIVE_INFINITY;
  }

  scan(table: RecordTable, unreadable: Unreadable[]): void {
    const { general, shapes } = this;
    const { bytes, offsets, slots, stride, count } = table;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.records += count;
    if (this.records >= RECORDS_A_GENERATION) {
      this.records = 0;
      this.left = Math.min(GENERATIONS, this.left + 1);
    }
    let first = shapes[0];
    for (let row = 0, base = 0; row < count; row++, base += stride) {
      const start = offsets[2 * row]!;
      const end = offsets[2 * row + 1]!;
      if (first !== undefined && first(bytes, view, start, end, slots, base) >= 0) continue;
      if (this.otherShape(bytes, view, start, end, slots, base)) {
        first = shapes[0];
        continue;
      }
      if (first !== undefined) table.clear(row);
      if (general.scan(bytes, start, end, slots, base) < 0) {
        table.clear(row);
        unreadable.push({ row, reason: general.reason(start) });
        continue;
      }
      if (this.worthLearning(general.signature)) {
        this.learn(bytes, start, end, slots, base);
        first = shapes[0];
      }
    }
  }

  /** Tries the other known shapes; the one that fits comes first from now on. */
  private otherShape(b: Buffer, view: DataView, start: number, end: number, slots: Uint32Array, base: number): boolean {
    const { shapes } = this;
    for (let i = 1; i < shapes.length; i++) {
      const shape = shapes[i]!;
      if (shape(b, view, start, end, slots, base) < 0) continue;
      shapes.splice(i, 1);
      shapes.unshift(shape);
      return true;
    }
    return false;
  }

  private worthLearning(signature: number): boolean {
    if (this.left <= 0) return false;
    const times = (this.seen.get(signature) ?? 0) + 1;
    if (this.seen.size >= MAX_SIGNATURES) this.seen.clear();
    this.seen.set(signature, times);
    return times === LEARN_AFTER;
  }

  private learn(b: Buffer, start: number, end: number, slots: Uint32Array, base: number): void {
    this.left--;
    const trace: Trace = { values: [], odd: false };
    const stop = this.general.scan(b, start, end, slots, base, trace);
    const shape = compileShape(this.general, this.schema, trace, b, start, stop);
    if (!shape) return;
    this.shapes.unshift(shape);
    if (this.shapes.length > SHAPES) this.shapes.pop();
  }
}
