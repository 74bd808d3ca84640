import { ByteWriter } from "./byte-writer.ts";
import { analyticsSchema, type FieldNode, type Leaf, type Struct } from "./fields.ts";
import { type RecordInput, secondsAndNanos, type TimeInput } from "./input.ts";
import type { GraphError } from "./reader.ts";

/** Records in protobuf, byte for byte as a gateway writes them: ascending field numbers, zeros left out, most messages always there. */
export function encodeProtobuf(record: RecordInput): Uint8Array<ArrayBuffer> {
  fields(analyticsSchema.root, record);
  return out.take();
}

const out = new ByteWriter();

/** Messages that the gateway leaves out unless this is set. */
const PRESENT_IF: { readonly [key: string]: keyof RecordInput } = { GraphQLStats: "isGraphql", MCPStats: "isMcp" };

const ordered = new WeakMap<Struct, FieldNode[]>();

function inOrder(struct: Struct): FieldNode[] {
  let nodes = ordered.get(struct);
  if (!nodes) {
    nodes = struct.children.filter((node) => node.proto > 0).sort((a, b) => a.proto - b.proto);
    ordered.set(struct, nodes);
  }
  return nodes;
}

function fields(struct: Struct, record: RecordInput): void {
  for (const node of inOrder(struct)) {
    if (node.node === "leaf") leaf(node, record);
    else if (!(node.key in PRESENT_IF) || record[PRESENT_IF[node.key]!]) sized(node.proto, () => fields(node, record));
  }
}

function leaf(node: Leaf, record: RecordInput): void {
  const { proto } = node;
  const value = (record as { readonly [property: string]: unknown })[node.property || "zone"];
  switch (node.type) {
    case "text":
      // The only text without a property is the zone.
      text(proto, (value ?? (node.property ? "" : "UTC")) as string | Uint8Array, false);
      break;
    case "float":
      if (!value) break;
      tag(proto, 1);
      out.at = out.bytes.writeDoubleLE(Number(value), out.at);
      break;
    case "time":
      sized(proto, () => {
        const { seconds, nanos } = secondsAndNanos(value as TimeInput | undefined);
        number(1, seconds);
        number(2, nanos);
      });
      break;
    case "texts":
      for (const item of (value ?? []) as string[]) text(proto, item, true);
      break;
    case "errors":
      for (const error of (value ?? []) as GraphError[]) text(proto, error.message, true);
      break;
    case "textMap":
    case "textsMap":
      for (const [key, item] of Object.entries((value ?? {}) as { [key: string]: string | string[] })) {
        sized(proto, () => {
          text(1, key, true);
          if (typeof item === "string") text(2, item, true);
          else
            sized(2, () => {
              for (const one of item) text(1, one, true);
            });
        });
      }
      break;
    default:
      number(proto, (value ?? 0) as number | bigint | boolean);
  }
}

function tag(proto: number, wireType: number): void {
  out.ensure(24);
  varint((proto << 3) | wireType);
}

function varint(value: number): void {
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) out.byte((rest % 128) | 0x80);
  out.byte(rest);
}

function number(proto: number, value: number | bigint | boolean): void {
  const n = typeof value === "boolean" ? Number(value) : value;
  if (n === 0 || n === 0n) return;
  tag(proto, 0);
  if (typeof n === "number" && n > 0) {
    varint(n);
    return;
  }
  let rest = BigInt.asUintN(64, BigInt(n));
  for (; rest > 127n; rest >>= 7n) out.byte(Number(rest & 127n) | 0x80);
  out.byte(Number(rest));
}

/** `always`: also where it is empty, as in lists and maps. */
function text(proto: number, value: string | Uint8Array, always: boolean): void {
  if (value.length === 0 && !always) return;
  sized(proto, () => {
    if (typeof value === "string") out.text(value);
    else out.raw(value);
  });
}

/** A tag, the size of the content, the content. */
function sized(proto: number, content: () => void): void {
  tag(proto, 2);
  const start = out.at++;
  content();
  const size = out.at - start - 1;
  let digits = 1;
  for (let rest = size; rest > 127; rest >>>= 7) digits++;
  if (digits > 1) out.shift(start + 1, digits - 1);
  const end = out.at;
  out.at = start;
  varint(size);
  out.at = end;
}
