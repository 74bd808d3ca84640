/** The analytics aggregation: the same for all sinks that write aggregates. */
export { type AggregateRules, Aggregation } from "./aggregation.ts";
export { combine } from "./combine.ts";
export type { AggregateKind } from "./dimensions.ts";
export type { AggregateCounter, AggregateGroup, ErrorCount } from "./groups.ts";
