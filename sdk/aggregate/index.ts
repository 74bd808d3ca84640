/** Counting: the analytics aggregation, the same for all sinks that write aggregates, and what other counters are made of. */
export { type AggregateRules, Aggregation } from "./aggregation.ts";
export type { AggregateKind } from "./dimensions.ts";
export { FieldValues } from "./field-values.ts";
export type { AggregateCounter, AggregateGroup, ErrorCount } from "./groups.ts";
