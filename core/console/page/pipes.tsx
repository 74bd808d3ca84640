import type { Tone } from "./state.tsx";

export interface Pipe {
  from: readonly [x: number, y: number];
  to: readonly [x: number, y: number];
  /** Records a second. */
  rate: number;
  tone: Tone;
}

/** Lines between the stages: the wider, the more flows. For the eye alone: the figures stand in the stages. */
export function Pipes({ pipes }: { pipes: readonly Pipe[] }) {
  return (
    <svg class="pipes" aria-hidden="true">
      {pipes.map(({ from: [x1, y1], to: [x2, y2], rate, tone }, i) => {
        const middle = (x1 + x2) / 2;
        const path = `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
        const width = 1.5 + 1.6 * Math.log10(1 + rate);
        return (
          <g key={i} class={rate > 0 ? tone : `${tone} dry`}>
            <path d={path} stroke-width={rate > 0 ? width : 1.5} />
            {rate > 0 && <path class="drops" d={path} stroke-width={Math.max(1.5, width / 2.5)} />}
          </g>
        );
      })}
    </svg>
  );
}
