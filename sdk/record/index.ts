/** Records as the host, the test kit and the benchmarks see them; plugins import `@sluice/sdk`. */
export { RecordBatch, recordBatch, refRangeOf, refsOf, type Slice, scopeOf } from "./batch.ts";
export { encodeMsgpack, encodeUptime } from "./encode-msgpack.ts";
export { encodeProtobuf } from "./encode-protobuf.ts";
export {
  analyticsSchema,
  F,
  fields,
  type Leaf,
  leafOf,
  type Schema,
  schemaOf,
  UptimeF,
  uptimeSchema,
} from "./fields.ts";
export { inputOf, type RecordInput, type TimeInput, type UptimeInput } from "./input.ts";
export { pageOf } from "./page.ts";
export { compilePrepare, type PreparedRows, type PrepareRows } from "./prepare.ts";
export * from "./reader.ts";
export { createScanner, type Scanner } from "./scanner.ts";
export { BatchEnded, BatchScope } from "./scope.ts";
export { resetSharedSlots, type SharedSlots, sharedSlotBytes } from "./shared-slots.ts";
export { type Page, RecordTable, type Unreadable } from "./table.ts";
export { fraction, GoTime, goYear, offsetText, ZERO_SECONDS } from "./time.ts";
export type { AnalyticsRecord, UptimeRecord } from "./types.ts";
export { localZone, UTC, type Zone, type ZoneOffset, zoneNamed } from "./zone.ts";
