import { escaped } from "./page.ts";

export const WIDTH = 1000;
export const HEIGHT = 170;
const LEFT = 60;
const RIGHT = 30;
const FOOT = 18;
const TOP = 8;
const ROWS = 4;
const COLUMNS = 6;

/** Lines over time in seconds, from 0 upwards. */
export interface Chart {
  title: string;
  unit?: string;
  /** At most four; the page has so many colours. */
  series: readonly { name: string; points: readonly (readonly [at: number, value: number])[] }[];
  /** What happened, and when: seconds. One that takes no time is a thin stroke. */
  marks?: readonly { name: string; from: number; to: number }[];
}

/** A section of a page, with the chart as inline SVG. */
export function chart(one: Chart): string {
  const { series } = one;
  const key = series.map(({ name }, i) => `<span class="s${i}">● ${escaped(name)}</span>`).join(" ");
  const heading = headingOf(one);
  return `<section><h2>${heading}</h2>${series.length > 1 ? `<p class="key">${key}</p>` : ""}
<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${heading}">${plot(one)}</svg></section>`;
}

export function headingOf({ title, unit }: Chart): string {
  return escaped(unit === undefined ? title : `${title}, ${unit}`);
}

/** Lines, grid and marks, in SVG of WIDTH by HEIGHT. */
export function plot({ series, marks = [] }: Chart): string {
  const all = series.flatMap(({ points }) => points);
  const end = Math.max(1, ...all.map(([at]) => at));
  const top = ceiling(all.reduce((most, [, value]) => Math.max(most, value), 0));
  const x = (at: number) => LEFT + (at / end) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - FOOT);
  const grid = steps(ROWS).map((share) => {
    const at = y(share * top).toFixed(1);
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/><text x="${LEFT - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${number(share * top)}</text>`;
  });
  const times = steps(COLUMNS).map(
    (share) =>
      `<text x="${x(share * end).toFixed(1)}" y="${HEIGHT - 4}" text-anchor="middle">${minutes(share * end)}</text>`,
  );
  const faults = marks.map(({ name, from, to }) => {
    const width = Math.max(1.5, x(to) - x(from)).toFixed(1);
    return `<rect class="mark" x="${x(from).toFixed(1)}" y="${TOP}" width="${width}" height="${HEIGHT - TOP - FOOT}"><title>${escaped(name)}</title></rect>`;
  });
  const lines = series.map(({ points }, i) => {
    const corners = points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline class="s${i}" points="${corners.join(" ")}"/>`;
  });
  return [...grid, ...times, ...faults, ...lines].join("");
}

/** The least of 1, 2, 4, 5 or 10 times a power of ten that is not below it. */
export function ceiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((times) => times * power).find((bound) => bound >= value) ?? 10 * power;
}

const steps = (count: number) => Array.from({ length: count + 1 }, (_, i) => i / count);
const number = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 3 });
const minutes = (seconds: number) => `${Number((seconds / 60).toFixed(1))} min`;
