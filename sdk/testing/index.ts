/** What tests of a sink need: `import { batch, open } from "@sluice/sdk/testing"`. */
export { batch } from "./batch.ts";
export type { ChunkOptions, TestRecord } from "./chunk.ts";
export { TestClock } from "./clock.ts";
export {
  type AnySink,
  type Conformance,
  type ConformanceFile,
  type ConformanceOptions,
  conformance,
  conformanceOf,
  type FarEnd,
  formatConformance,
  type Promised,
  type Subject,
} from "./conformance.ts";
export { NO_PREPARATION } from "./prepare.ts";
export { type DeadLetter, type OpenOptions, OpenSink, open, SinkFailed, start } from "./sink.ts";
