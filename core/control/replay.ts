import type { HomeList } from "../log/log.ts";
import type { ReplayLetter } from "../log/replay-list.ts";
import type { SinkState } from "../supervisor/status.ts";
import type { Found, Replay } from "./dead-letters.ts";

/** What is needed of a pump. */
export interface Replaying {
  /** Undefined: there is no such sink. */
  crew(sink: string): { readonly state: SinkState } | undefined;
  /** How many were taken up: not those that are on their way already. */
  replay(sink: string, list: HomeList, letters: readonly ReplayLetter[]): number;
}

/** Gives letters to their sinks, as far as that can be done. */
export function createReplay({ crew, replay }: Replaying): Replay {
  return (found) => {
    const skipped = new Map<string, number>();
    const skip = (reason: string, letters: number) => {
      if (letters > 0) skipped.set(reason, (skipped.get(reason) ?? 0) + letters);
    };
    let records = 0;
    const bySink = Map.groupBy(found, ({ head }) => head.sink);
    for (const [sink, letters] of bySink) {
      const state = crew(sink)?.state;
      if (state === undefined) {
        skip(`the pump has no sink ${sink}`, letters.length);
        continue;
      }
      if (state === "suspended") {
        skip(`the sink ${sink} is suspended, resume it first`, letters.length);
        continue;
      }
      const whole = letters.filter(({ head }) => head.index >= 0);
      skip("they tell of records that are gone, and are none themselves", letters.length - whole.length);
      for (const [list, some] of Map.groupBy(whole, (one) => one.list)) {
        const taken = replay(sink, list, some.map(letterOf));
        skip("they are on their way already", some.length - taken);
        records += taken;
      }
    }
    return { records, skipped: [...skipped].map(([reason, letters]) => ({ reason, letters })) };
  };
}

function letterOf({ head: { chunk, index, bytes }, ids }: Found): ReplayLetter {
  return { ids, chunk, index, bytes };
}
