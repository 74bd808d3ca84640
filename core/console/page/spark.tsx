const WIDTH = 96;
const HEIGHT = 26;
const POINTS = 48;

/** The course of a figure, without axes. For the eye alone: the charts below have the same with figures. */
export function Spark({ values, colour }: { values: readonly (number | null)[]; colour: number }) {
  const step = Math.max(1, Math.ceil(values.length / POINTS));
  const shown = values.filter((_, i) => i % step === (values.length - 1) % step);
  const most = Math.max(1, ...shown.map((value) => value ?? 0));
  const points = shown
    .map((value, i) => {
      const x = WIDTH - (shown.length - 1 - i) * (WIDTH / (POINTS - 1));
      return `${x.toFixed(1)},${(HEIGHT - 2 - ((value ?? 0) / most) * (HEIGHT - 4)).toFixed(1)}`;
    })
    .join(" ");
  return (
    <svg class={`spark series-${colour % 8}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}
