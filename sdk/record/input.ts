import type { FieldNode, Leaf, Schema } from "./fields.ts";
import { parseRfc3339, ZERO_SECONDS } from "./time.ts";
import type { AnalyticsRecord, RecordBase, Timestamp, UptimeRecord } from "./types.ts";

/** A time to be written: milliseconds since 1970, a Date, or to the nanosecond. */
export type TimeInput = number | Date | { readonly seconds: number; readonly nanos: number };

type ValueInput<T> = T extends string
  ? string | Uint8Array
  : T extends number
    ? number | bigint
    : T extends Timestamp
      ? TimeInput
      : T;

type Input<R extends RecordBase> = { readonly [P in Exclude<keyof R, keyof RecordBase>]?: ValueInput<R[P]> };

/** A record to be written, by the properties that AnalyticsRecord has; what is absent is Go's zero value. */
export type RecordInput = Input<AnalyticsRecord> & {
  /** Protobuf only: name of the zone of both times; default "UTC". */
  readonly zone?: string;
};

export type UptimeInput = Input<UptimeRecord>;

export function secondsAndNanos(time: TimeInput | undefined): { seconds: number; nanos: number } {
  if (time === undefined) return { seconds: ZERO_SECONDS, nanos: 0 };
  if (typeof time !== "number" && !(time instanceof Date)) return time;
  const ms = Number(time);
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** The input that a record's JSON object (`toObject()`, the JSON encoder) stands for. Times keep their nanoseconds. */
export function inputOf(schema: Schema, json: { readonly [name: string]: unknown }): { [property: string]: unknown } {
  const input: { [property: string]: unknown } = {};
  const visit = (node: FieldNode, object: { readonly [name: string]: unknown }) => {
    const value = object[node.json];
    if (value === undefined || value === null) return;
    if (node.node === "leaf") input[node.property] = leafInput(node, value);
    else for (const child of node.children) visit(child, value as { [name: string]: unknown });
  };
  for (const node of schema.root.children) visit(node, json);
  return input;
}

function leafInput(leaf: Leaf, value: unknown): unknown {
  if (leaf.type !== "time") return value;
  return parseRfc3339(String(value)) ?? undefined;
}
