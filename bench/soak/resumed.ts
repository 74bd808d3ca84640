import type { Fault } from "./faults.ts";
import type { Sample } from "./sample.ts";
import type { SinkName } from "./stage.ts";

/** Whose back end PostgreSQL is. */
export const ON_POSTGRES = ["sql", "sql_aggregate"] as const satisfies SinkName[];

interface Seen {
  at: number;
  sinks: { [name: string]: Pick<Sample["sinks"][string], "delivered"> };
}

/** Seconds from each time that PostgreSQL was back to the first sample by which the sink had delivered again; none where there is no such. */
export function resumed(samples: readonly Seen[], faults: readonly Fault[], sink: string): number[] {
  return faults.flatMap(({ kind, at, seconds }) => {
    if (kind !== "postgres") return [];
    const back = at + seconds;
    const again = samples.find((sample, i) => {
      const before = samples[i - 1];
      return before && sample.at > back && sample.sinks[sink]?.delivered !== before.sinks[sink]?.delivered;
    });
    return again ? [again.at - back] : [];
  });
}
