import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { clock } from "./format.ts";
import { useColours } from "./theme.tsx";

export interface Line {
  label: string;
  /** Which of the series' colours. */
  colour: number;
  hidden?: boolean;
  values: readonly (number | null)[];
}

export interface ChartProps {
  title: string;
  unit: string;
  format: (value: number) => string;
  /** Seconds since 1970. */
  times: readonly number[];
  lines: readonly Line[];
  /** Which point the pointer is at; null: none. */
  onCursor?: (at: number | null) => void;
  /** Where values lie orders of magnitude apart. */
  log?: boolean;
}

/** Of what is shown, seconds: all that there is, within these bounds. */
const SPAN = { least: 60, most: 5 * 60 };
const HEIGHT = 190;

/** Lines over the last five minutes. */
export function Chart({ title, unit, format, times, lines, onCursor, log = false }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const colours = useColours();
  const shape = lines.map(({ label, colour, hidden }) => `${label} ${colour} ${hidden}`).join("\n");

  useEffect(() => {
    const element = place.current!;
    plot.current = new uPlot(
      options(element, lines, { format, log, ...(onCursor && { onCursor }) }),
      dataOf(times, lines),
      element,
    );
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, colours]);
  // The series change in place.
  useEffect(() => plot.current?.setData(dataOf(times, lines)));

  return (
    <figure class="panel chart">
      <figcaption>
        {title} {unit !== "" && <span class="sub">{unit}</span>}
      </figcaption>
      <div ref={place} class="plot" role="img" aria-label={summary(title, lines, format)} />
    </figure>
  );
}

function dataOf(times: readonly number[], lines: readonly Line[]): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

function summary(title: string, lines: readonly Line[], format: (value: number) => string): string {
  const now = lines.map(({ label, values }) => {
    const value = values.at(-1) ?? null;
    return `${label} ${value === null ? "nothing" : format(value)}`;
  });
  return `${title}, now: ${now.join(", ")}`;
}

function options(
  element: HTMLElement,
  lines: readonly Line[],
  { format, onCursor, log }: Pick<ChartProps, "format" | "onCursor" | "log">,
): uPlot.Options {
  const colour = (name: string) => resolve(element, name);
  const axis: uPlot.Axis = {
    stroke: colour("--quiet"),
    font: `11px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(100, element.clientWidth),
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      sync: { key: "sluice", setSeries: false },
      drag: { x: false, y: false },
      points: { size: 7 },
    },
    scales: {
      x: { range: (_, first) => timeRange(first) },
      y: log
        ? { distr: 3, range: (_, min, max) => uPlot.rangeLog(min ?? 1, Math.max(10, max ?? 10), 10, true) }
        : { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 80,
        incrs: [15, 30, 60],
        values: (_, ticks) => ticks.map((tick) => clock(tick * 1000)),
      },
      {
        ...axis,
        size: 58,
        ...(log && { filter: powers, grid: { stroke: colour("--line"), width: 1, filter: powers } }),
        // What the filter takes out is null.
        values: (_, ticks: (number | null)[]) => ticks.map((tick) => (tick === null ? "" : format(tick))),
      },
    ],
    series: [
      {},
      ...lines.map(
        ({ label, colour: index, hidden = false }): uPlot.Series => ({
          label,
          show: !hidden,
          stroke: colour(`--s${index % 8}`),
          width: 1.75,
          points: { show: false },
        }),
      ),
    ],
    hooks: { setCursor: [({ cursor }) => onCursor?.(cursor.idx ?? null)] },
  };
}

/** Of ten. */
function powers(_: uPlot, ticks: number[]): (number | null)[] {
  return ticks.map((tick) => (Number.isInteger(Math.log10(tick)) ? tick : null));
}

function timeRange(first: number | null): [number, number] {
  const now = Date.now() / 1000;
  return [now - Math.min(SPAN.most, Math.max(SPAN.least, now - (first ?? now))), now];
}

/** A canvas takes no variables, and a variable may say one colour for light and one for dark. */
function resolve(element: HTMLElement, variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
