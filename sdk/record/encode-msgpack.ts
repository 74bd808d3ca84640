import { ByteWriter } from "./byte-writer.ts";
import { analyticsSchema, type Leaf, type Schema, type Struct, uptimeSchema } from "./fields.ts";
import { type RecordInput, secondsAndNanos, type TimeInput, type UptimeInput } from "./input.ts";
import type { GraphError } from "./reader.ts";
import { type Run, runOf } from "./run.ts";

/** Records in msgpack, byte for byte as a gateway writes them (vmihailenco/msgpack v2: Go's field order, shortest integers). */

export function encodeMsgpack(record: RecordInput): Uint8Array<ArrayBuffer> {
  return encode(ANALYTICS, record);
}

export function encodeUptime(record: UptimeInput): Uint8Array<ArrayBuffer> {
  return encode(UPTIME, record);
}

/** Keys and headers, then the value they lead to. */
interface Step {
  readonly before: Run;
  readonly leaf: Leaf;
}

const out = new ByteWriter();

const ANALYTICS = compile(analyticsSchema);
const UPTIME = compile(uptimeSchema);

function compile(schema: Schema): Step[] {
  const steps: Step[] = [];
  const header = new ByteWriter();
  const visit = (struct: Struct) => {
    const nodes = struct.children.filter((node) => node.key !== "");
    mapHeader(header, nodes.length);
    for (const node of nodes) {
      writeText(header, node.key);
      if (node.node === "struct") visit(node);
      else steps.push({ before: runOf(header.take()), leaf: node });
    }
  };
  visit(schema.root);
  return steps;
}

function encode(steps: readonly Step[], record: RecordInput | UptimeInput): Uint8Array<ArrayBuffer> {
  const values = record as { readonly [property: string]: unknown };
  for (const { before, leaf } of steps) {
    out.run(before);
    write(leaf, values[leaf.property]);
  }
  return out.take();
}

function write(leaf: Leaf, value: unknown): void {
  out.ensure(32);
  switch (leaf.type) {
    case "text":
      writeText(out, (value ?? "") as string | Uint8Array);
      break;
    case "float":
      writeFloat(Number(value ?? 0));
      break;
    case "boolean":
      out.byte(value ? 0xc3 : 0xc2);
      break;
    case "time": {
      const { seconds, nanos } = secondsAndNanos(value as TimeInput | undefined);
      out.byte(0x92);
      writeInt(seconds);
      writeInt(nanos);
      break;
    }
    case "texts":
      writeTexts(value as string[] | null | undefined);
      break;
    case "textMap":
      writeMap(value as { [key: string]: string } | null | undefined, (text) => writeText(out, text));
      break;
    case "textsMap":
      writeMap(value as { [key: string]: string[] } | null | undefined, writeTexts);
      break;
    case "errors":
      writeErrors(value as GraphError[] | null | undefined);
      break;
    default:
      writeInt((value ?? 0) as number | bigint);
  }
}

function writeText(to: ByteWriter, value: string | Uint8Array): void {
  to.ensure(8);
  const { at } = to;
  // Most texts are ASCII, so that their size is known beforehand.
  const guess = headerSize(value.length);
  to.at = at + guess;
  let size = value.length;
  if (typeof value === "string") size = to.text(value);
  else to.raw(value);
  const header = headerSize(size);
  if (header !== guess) to.shift(at + guess, header - guess);
  const end = to.at;
  to.at = at;
  if (header === 1) to.byte(0xa0 | size);
  else if (header === 2) {
    to.byte(0xd9);
    to.byte(size);
  } else sized(to, 0xda, size);
  to.at = end;
}

function headerSize(size: number): number {
  return size < 32 ? 1 : size < 256 ? 2 : size < 65536 ? 3 : 5;
}

/** A code and 16 bits of size, or the code after it and 32. */
function sized(to: ByteWriter, code: number, size: number): void {
  if (size < 65536) {
    to.byte(code);
    to.uint16(size);
  } else {
    to.byte(code + 1);
    to.uint32(size);
  }
}

function mapHeader(to: ByteWriter, size: number): void {
  to.ensure(8);
  if (size < 16) to.byte(0x80 | size);
  else sized(to, 0xde, size);
}

function listHeader(size: number): void {
  out.ensure(8);
  if (size < 16) out.byte(0x90 | size);
  else sized(out, 0xdc, size);
}

function writeInt(value: number | bigint): void {
  out.ensure(9);
  if (typeof value === "bigint" || value >= 0x100000000 || value < -0x80000000) writeBigInt(BigInt(value));
  else if (value < -0x8000) {
    out.byte(0xd2);
    out.uint32(value);
  } else if (value < -0x80) {
    out.byte(0xd1);
    out.uint16(value);
  } else if (value < -32) {
    out.byte(0xd0);
    out.byte(value);
  } else if (value < 0x80) out.byte(value);
  else if (value < 0x100) {
    out.byte(0xcc);
    out.byte(value);
  } else if (value < 0x10000) {
    out.byte(0xcd);
    out.uint16(value);
  } else {
    out.byte(0xce);
    out.uint32(value);
  }
}

function writeBigInt(value: bigint): void {
  if (value >= -0x80000000n && value < 0x100000000n) {
    writeInt(Number(value));
    return;
  }
  out.byte(value < 0n ? 0xd3 : 0xcf);
  out.uint32(Number(BigInt.asUintN(32, value >> 32n)));
  out.uint32(Number(BigInt.asUintN(32, value)));
}

function writeFloat(value: number): void {
  out.byte(0xcb);
  out.at = out.bytes.writeDoubleBE(value, out.at);
}

function writeNil(): void {
  out.ensure(1);
  out.byte(0xc0);
}

function writeTexts(list: readonly string[] | null | undefined): void {
  if (!list) {
    writeNil();
    return;
  }
  listHeader(list.length);
  for (const text of list) writeText(out, text);
}

function writeMap<T>(map: { readonly [key: string]: T } | null | undefined, write: (value: T) => void): void {
  if (!map) {
    writeNil();
    return;
  }
  const keys = Object.keys(map);
  mapHeader(out, keys.length);
  for (const key of keys) {
    writeText(out, key);
    write(map[key]!);
  }
}

function writeErrors(list: readonly GraphError[] | null | undefined): void {
  if (!list) {
    writeNil();
    return;
  }
  listHeader(list.length);
  for (const { message, path } of list) {
    mapHeader(out, 2);
    writeText(out, "Message");
    writeText(out, message);
    writeText(out, "Path");
    writeAny(path);
  }
}

function writeAny(value: unknown): void {
  out.ensure(16);
  if (value === null || value === undefined) writeNil();
  else if (typeof value === "string") writeText(out, value);
  else if (typeof value === "boolean") out.byte(value ? 0xc3 : 0xc2);
  else if (typeof value === "bigint" || Number.isSafeInteger(value)) writeInt(value as number | bigint);
  else if (typeof value === "number") writeFloat(value);
  else if (Array.isArray(value)) {
    listHeader(value.length);
    for (const item of value) writeAny(item);
  } else writeMap(value as { [key: string]: unknown }, writeAny);
}
