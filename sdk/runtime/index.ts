/** What runs around a plugin in its thread. Not part of the contract: core and the test kit use it. */
export { backoff, OPEN_BACKOFF } from "./backoff.ts";
export { type Clock, systemClock } from "./clock.ts";
export { sentence, toWireError, withCause } from "./failure.ts";
export { latencyOf } from "./meter.ts";
export * from "./protocol.ts";
export { type AnyDefinition, Runtime, type RuntimeOptions } from "./runtime.ts";
