import type { Batch } from "@sluice/sdk";
import { type AggregateRules, Aggregation } from "@sluice/sdk/aggregate";

/** The counters that a record adds to, one a line, with what it adds. */
export function counterPreview(rules: AggregateRules): (batch: Batch) => string | null {
  return (batch) => {
    const aggregation = new Aggregation(rules);
    // What it gives back it does not count.
    if (aggregation.add(batch) !== null) return null;
    return aggregation
      .results()
      .flatMap((group) => {
        const owner = `${group.api || group.org} ${new Date(group.bucket.seconds * 1000).toISOString().slice(0, 16)}Z`;
        return Array.from(group, ({ dimension, outer, key, hits, error, totalRequestTime }) => {
          const value = outer === "" ? key : `${outer}.${key}`;
          return `${owner} ${dimension === "" ? "" : `${dimension} `}${value}: hits +${hits}, errors +${error}, request time +${totalRequestTime} ms`;
        });
      })
      .join("\n");
  };
}
