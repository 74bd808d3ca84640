import { type Chart, chart } from "../chart.ts";
import { escaped, page } from "../page.ts";
import { median, range } from "../stats.ts";
import { FAULT_NAMES, type Fault } from "./faults.ts";
import { picture } from "./picture.ts";
import { ON_POSTGRES, resumed } from "./resumed.ts";
import type { Soak } from "./run.ts";
import type { Sample, SinkSample } from "./sample.ts";

/** A page that stands alone: what was found, and charts of how the pump was. */
export function soakPage(soak: Soak, machine: string): string {
  const { faults, broken } = soak;
  const rows = summary(soak).map(
    ({ what, found }) => `<tr><th scope="row">${escaped(what)}</th><td>${escaped(found)}</td></tr>`,
  );
  return page("Soak", `${titleOf(soak)}; ${machine}`, [
    `<section><table><tbody>${rows.join("\n")}</tbody></table>
<p class="note">Marked in the charts: ${escaped(counted(faults))}.</p></section>`,
    ...(broken.length === 0
      ? []
      : [`<section><ul>${broken.map((one) => `<li>${escaped(one)}</li>`).join("")}</ul></section>`]),
    ...charts(soak).map(chart),
  ]);
}

/** Some of the charts as one SVG. */
export function soakPicture(soak: Soak): string {
  return picture(
    titleOf(soak),
    charts(soak).filter(({ title }) => PICTURED.has(title)),
  );
}

function titleOf({ seed, rate, seconds }: Soak): string {
  return `${number(seconds / 60)} minutes at ${number(rate)} records/s, seed ${seed}`;
}

/** What the run found, a line each. */
export function summary({
  pushed,
  arrivals,
  flatness,
  broken,
  samples,
  faults,
}: Soak): { what: string; found: string }[] {
  return [
    { what: "records pushed", found: number(pushed) },
    ...arrivals.map(({ sink, arrived }) => ({
      what: `records at ${sink}`,
      found: arrived > pushed ? `${number(arrived)}, ${number(arrived - pushed)} of them again` : number(arrived),
    })),
    ...flatness.map(({ what, unit, before, after, flat }) => ({
      what: `${what}, second and last third`,
      found: `${number(before)} and ${number(after)} ${unit}`.trim() + (flat ? "" : ": not flat"),
    })),
    ...ON_POSTGRES.flatMap((sink) => {
      const after = resumed(samples, faults, sink);
      if (after.length === 0) return [];
      const [least, greatest] = range(after);
      return [
        {
          what: `${sink} delivers again after PostgreSQL is back`,
          found: `${number(least)} to ${number(greatest)} s, median ${number(median(after))} (${after.length} times)`,
        },
      ];
    }),
    { what: "verdict", found: broken.length === 0 ? "all arrived, and nothing grew" : "failed" },
  ];
}

/** How often each kind. */
function counted(faults: readonly Fault[]): string {
  const kinds = Object.entries(FAULT_NAMES).map(([kind, name]) => {
    return `${name} (${faults.filter((fault) => fault.kind === kind).length} times)`;
  });
  return kinds.join(", ");
}

const number = (value: number) => value.toLocaleString("en", { maximumFractionDigits: 1 });

const MEMORY = "Memory";
const LOOP = "Event loop of the supervisor, 99 of 100 turns late by";
const DELIVERED = "Delivered";
const BEHIND = "Behind";
const PICTURED: ReadonlySet<string> = new Set([MEMORY, LOOP, DELIVERED, BEHIND]);

function charts({ samples, faults }: Soak): Chart[] {
  const marks = faults.map(({ kind, at, seconds }) => ({ name: FAULT_NAMES[kind], from: at, to: at + seconds }));
  const line = (name: string, value: (sample: Sample) => number) => {
    return { name, points: samples.map((sample): Points[number] => [sample.at, value(sample)]) };
  };
  const one = (title: string, unit: string, value: (sample: Sample) => number): Chart => {
    return { title, unit, series: [line(title, value)] };
  };
  const all: Chart[] = [
    {
      title: MEMORY,
      unit: "MB",
      series: [
        line("resident", ({ memoryMb }) => memoryMb),
        line("heap of the supervisor", ({ parts }) => parts.supervisorMb),
        line("heaps of the sinks", ({ parts }) => parts.sinksMb),
        line("shared for records", ({ parts }) => parts.slabsMb),
      ],
    },
    one("File handles", "open", ({ handles }) => handles),
    one("Threads", "running", ({ threads }) => threads),
    { title: "CPU", unit: "% of a core", series: [{ name: "CPU", points: rates(samples, (s) => s.cpuSeconds * 100) }] },
    one(LOOP, "ms", ({ loopMs }) => loopMs),
    {
      title: DELIVERED,
      unit: "records/s",
      series: bySink(samples, (name) => rates(samples, ({ sinks }) => sinks[name]?.delivered ?? 0)),
    },
    { title: BEHIND, unit: "records", series: bySink(samples, (name) => values(samples, name, ({ lag }) => lag)) },
    one("Redis, memory used", "MB", ({ redisMb }) => redisMb),
  ];
  return all.map((chart) => ({ ...chart, marks }));
}

type Points = [at: number, value: number][];

function bySink(samples: readonly Sample[], points: (name: string) => Points): { name: string; points: Points }[] {
  return Object.keys(samples[0]?.sinks ?? {}).map((name) => ({ name, points: points(name) }));
}

function values(samples: readonly Sample[], name: string, of: (sink: SinkSample) => number): Points {
  return samples.flatMap(({ at, sinks }) => (sinks[name] === undefined ? [] : [[at, of(sinks[name])]]));
}

/** A second, between two samples; counters that begin again count as standing still. */
function rates(samples: readonly Sample[], of: (sample: Sample) => number): Points {
  return samples.slice(1).map((sample, i) => [sample.at, rate(of, sample, samples[i]!)]);
}

export function rate(of: (sample: Sample) => number, sample: Sample, before: Sample): number {
  return Math.max(0, of(sample) - of(before)) / (sample.at - before.at);
}
