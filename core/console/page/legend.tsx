import type { Line } from "./chart.tsx";
import { clock, count, duration } from "./format.ts";

export interface LegendProps {
  /** The point that the pointer is at; null: the last. */
  at: number | null;
  times: readonly number[];
  /** `also`: the latency that goes with the rate. */
  lines: readonly (Line & { also: readonly (number | null)[] })[];
  onToggle: (label: string) => void;
}

/** What the colours of both charts mean, with the values under the pointer; each line can be left out. */
export function Legend({ at, times, lines, onToggle }: LegendProps) {
  const i = at ?? times.length - 1;
  const time = times[i];
  return (
    <div class="legend">
      <span class="sub">{at === null || time === undefined ? "Now" : clock(time * 1000)}</span>
      {lines.map(({ label, colour, hidden, values, also }) => {
        const rate = values[i] ?? null;
        const latency = also[i] ?? null;
        return (
          <button
            key={label}
            type="button"
            aria-pressed={!hidden}
            onClick={() => onToggle(label)}
            title={hidden ? "Show this line" : "Leave this line out"}
          >
            <span class={`swatch series-${colour % 8}`} aria-hidden="true" />
            {label}
            <span class="sub">
              {rate === null ? "–" : `${count(rate)}/s`}
              {latency !== null && ` · ${duration(latency)}`}
            </span>
          </button>
        );
      })}
    </div>
  );
}
