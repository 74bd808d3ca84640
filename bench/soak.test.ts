import { expect, test } from "vitest";
import { ceiling, chart } from "./chart.ts";
import { faultsOf } from "./soak/faults.ts";
import { picture } from "./soak/picture.ts";
import { resumed } from "./soak/resumed.ts";
import { type Arrival, broken, flatness } from "./soak/verdict.ts";

/** A third of the samples each. */
type Levels = [memoryMb: number, handles: number][];
const samples = (...levels: Levels) =>
  levels.flatMap(([memoryMb, handles]) => Array.from({ length: 10 }, () => ({ memoryMb, handles })));

const flat = (...levels: Levels) => flatness(samples(...levels)).map(({ flat }) => flat);

test("memory may grow by a tenth and 20 MB, handles by a tenth; what the first third does is warming up", () => {
  expect(flat([50, 10], [100, 40], [110, 44])).toEqual([true, true]);
  expect(flat([50, 10], [100, 40], [111, 45])).toEqual([false, false]);
  expect(flat([50, 10], [400, 40], [420, 40])).toEqual([true, true]);
  expect(flat([50, 10], [400, 40], [421, 40])).toEqual([false, true]);
  expect(flat([900, 90], [100, 40], [20, 4])).toEqual([true, true]);
});

test("a few samples while a back end is away do not count as growth", () => {
  const measured = samples([100, 40], [100, 40], [100, 40]);
  for (const i of [21, 22, 23]) measured[i] = { memoryMb: 500, handles: 400 };
  expect(flatness(measured).every(({ flat }) => flat)).toBe(true);
});

test("too few samples are no proof", () => {
  expect(() => flatness(samples([100, 40]).slice(0, 2))).toThrow("too few");
});

test("a record may be missing nowhere, may be doubled only by what was tried again, and never in an aggregate", () => {
  const of = (arrival: Partial<Arrival>) =>
    broken(100, [{ sink: "a", arrived: 100, distinct: 100, exact: false, repeats: 0, ...arrival }], []);
  expect(of({})).toEqual([]);
  expect(of({ arrived: 105, repeats: 1 })).toEqual([]);
  expect(of({ arrived: 105 })).toEqual([expect.stringContaining("5 records twice")]);
  expect(of({ arrived: 105, distinct: 99, repeats: 1 })).toEqual([expect.stringContaining("lacks 1 of 100")]);
  expect(of({ arrived: 105, distinct: 101, repeats: 1 })).toEqual([expect.stringContaining("has 105")]);
  expect(of({ arrived: 105, distinct: null, repeats: 1 })).toEqual([]);
  expect(of({ arrived: 99, distinct: null })).toEqual([expect.stringContaining("lacks 1 of 100")]);
  expect(of({ arrived: 101, distinct: null, exact: true, repeats: 1 })).toEqual([expect.stringContaining("has 101")]);
});

test("a seed draws the same faults again, each kind, one at a time, and none near the end", () => {
  const faults = faultsOf(7, 1800);
  expect(faultsOf(7, 1800)).toEqual(faults);
  expect(faultsOf(8, 1800)).not.toEqual(faults);
  expect(new Set(faultsOf(7, 180).map(({ kind }) => kind)).size).toBe(3);
  for (const [i, { at, seconds }] of faults.entries()) {
    expect(at + seconds).toBeLessThan(faults[i + 1]?.at ?? 1800);
  }
});

test("a sink has resumed when it delivers after its back end was back, also one that was replaced and counts anew", () => {
  const seen = (...counts: number[]) => counts.map((delivered, i) => ({ at: i * 5, sinks: { sql: { delivered } } }));
  const faults = [
    { kind: "postgres", at: 11, seconds: 7 },
    { kind: "cut", at: 30, seconds: 0 },
    { kind: "postgres", at: 41, seconds: 1 },
  ] as const;
  expect(resumed(seen(0, 10, 20, 20, 20, 20, 50, 60, 70), faults, "sql")).toEqual([12]);
  expect(resumed(seen(0, 10, 20, 20, 3, 4, 5, 6, 7, 8), faults, "sql")).toEqual([2, 3]);
});

test("a picture stands alone: charts one below the other, each with its title and the names of its lines", () => {
  const one = {
    title: "Memory",
    unit: "MB",
    series: ["a&b", "c"].map((name) => ({ name, points: [[0, 1] as const] })),
  };
  const svg = picture("so <long>", [one, { ...one, title: "Other" }]);
  expect(svg).toMatch(/^<svg [^>]*xmlns=[^>]*aria-label="so &lt;long&gt;"/);
  for (const text of ["Memory, MB", "Other, MB", "● a&amp;b", "● c"]) expect(svg).toContain(`>${text}</text>`);
  expect(svg).not.toMatch(/NaN|undefined/);
});

test("a chart begins at 0, ends at a round number, marks what happened and takes names for text", () => {
  expect([0, 0.3, 1, 3, 41, 50, 51, 999].map(ceiling)).toEqual([1, 0.4, 1, 4, 50, 50, 100, 1000]);
  const html = chart({
    title: "<b>Memory</b>",
    unit: "MB",
    series: [
      { name: "a&b", points: [0, 30, 60].map((at) => [at, 40]) },
      { name: "other", points: [] },
    ],
    marks: [{ name: "down", from: 30, to: 45 }],
  });
  expect(html).toContain("&lt;b&gt;Memory&lt;/b&gt;, MB");
  expect(html).toContain("a&amp;b");
  expect(html).not.toMatch(/<b>|NaN|https?:|src=/);
  // From the left to the right edge, along the upper one.
  expect(html).toContain('points="60.0,8.0 515.0,8.0 970.0,8.0"');
  expect(html).toContain('<rect class="mark" x="515.0" y="8" width="227.5"');
});
