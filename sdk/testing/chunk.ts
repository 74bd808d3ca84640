import { encodeMsgpack, encodeProtobuf, encodeUptime, type RecordInput, type UptimeInput } from "../record/index.ts";
import type { Wire } from "../record/types.ts";

/** A record as a plain object (by the properties that AnalyticsRecord or UptimeRecord has), or as its wire bytes. */
export type TestRecord = RecordInput | UptimeInput | Uint8Array;

export interface ChunkOptions {
  /** Default "msgpack"; of a sink that reads uptime records "uptime". */
  wire?: Wire;
  /** Name of the chunk; default "chunk". */
  chunk?: string;
  /** Whether it may have been written before; default false. */
  redelivered?: boolean;
  /** Where the records begin in the chunk, of which they are a piece; default 0. */
  from?: number;
}

/** Records in shared memory, as the host lays them: their bytes, then start and end of each as 32-bit words at `at`. */
export interface Slab {
  readonly slab: SharedArrayBuffer;
  readonly at: number;
  readonly count: number;
}

export function slabOf(records: readonly TestRecord[], wire: Wire): Slab {
  const wires = records.map((record) => toWire(record, wire));
  const size = wires.reduce((sum, { length }) => sum + length, 0);
  const at = Math.ceil(size / 4) * 4;
  const slab = new SharedArrayBuffer(at + 8 * wires.length);
  const bytes = new Uint8Array(slab);
  const offsets = new Uint32Array(slab, at);
  let end = 0;
  for (const [i, record] of wires.entries()) {
    bytes.set(record, end);
    offsets[2 * i] = end;
    end += record.length;
    offsets[2 * i + 1] = end;
  }
  return { slab, at, count: wires.length };
}

function toWire(record: TestRecord, wire: Wire): Uint8Array {
  if (record instanceof Uint8Array) return record;
  if (wire === "uptime") return encodeUptime(record as UptimeInput);
  return wire === "protobuf" ? encodeProtobuf(record as RecordInput) : encodeMsgpack(record as RecordInput);
}
