import { type Flame, heaviest, type Kind } from "../control/flame.ts";
import type { Comparison, Percentiles, Profile, TimeMs } from "../control/profile.ts";
import { formatBytes, formatCount, formatMs, formatTable, plain } from "./format.ts";

const BAR = 30;
const HEAVIEST = 8;
const WIDTH = 100;

/** In the order in which a record meets them, then what is waited for. */
const PARTS: readonly [part: keyof TimeMs, label: string][] = [
  ["scan", "finding fields"],
  ["filter", "filters, preparation"],
  ["plugin", "the plugin at work"],
  ["other", "other work"],
  ["backEnd", "waiting for the back end"],
  ["retry", "between tries"],
  ["records", "waiting for records"],
];

const KINDS: { readonly [kind in Kind]: string } = {
  plugin: "the plugin and its packages",
  sluice: "Sluice (scanning, encoding)",
  node: "Node",
  collector: "garbage collector",
  engine: "the engine",
};

/** What a person wants to know of one sink; `files`: where the CPU profile is. */
export function profileReport(profile: Profile, flame: Flame | null, files: readonly string[]): string[] {
  const { limit, notes } = profile;
  return [
    `${plain(profile.sink)} (${plain(profile.type)}): ${plain(profile.plugin)}, ${actors(profile)}, ${profile.seconds.toFixed(1)} s`,
    "",
    ...wrapped(limit.why),
    ...wrapped(limit.help),
    "",
    ...figures(profile),
    "",
    ...whereTimeGoes(profile.timeMs),
    ...(flame === null ? [] : samples(profile, flame)),
    ...notes.flatMap((note) => ["", `Note: ${plain(note)}`]),
    ...(files.length === 0 ? [] : ["", "written:", ...files.map((file) => `  ${file}`)]),
  ];
}

/** Lines of whole words. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = " ";
  for (const word of plain(text).split(" ")) {
    if (line.length + word.length >= WIDTH && line !== " ") {
      lines.push(line);
      line = " ";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function actors({ actors, isolation }: Profile): string {
  const home = isolation === "process" ? "process" : "thread";
  return `${actors} ${actors === 1 ? `actor in a ${home}` : `actors, each in a ${home}`}`;
}

function figures(profile: Profile): string[] {
  const { eventLoopDelayMs: late, lagAfter, lagBefore, heldAfter } = profile;
  const failed = profile.failedCalls > 0 ? `, ${formatCount(profile.failedCalls)} failed` : "";
  const change = lagAfter - lagBefore;
  const moved = change === 0 ? "" : `, ${formatCount(Math.abs(change))} ${change > 0 ? "more" : "fewer"} than at first`;
  const busyMs = Object.values(profile.timeMs).reduce((sum, ms) => sum + ms, 0) * profile.busyShare;
  const collected = busyMs > 0 ? `, ${percent(profile.gcMs / busyMs)} of that for the garbage collector` : "";
  const rows: [name: string, value: string][] = [
    [
      "throughput",
      `${formatCount(profile.recordsPerSecond)} records/s, ${formatBytes(profile.bytesPerSecond)}/s, ${rate(profile.callsPerSecond)} calls/s${failed}`,
    ],
    [
      "behind",
      `${formatCount(lagAfter)} records, ${formatCount(Math.min(heldAfter, lagAfter))} of them in hand${moved}`,
    ],
    ["a call takes", percentiles(profile.callMs)],
    ["delivery takes", percentiles(profile.deliveryMs)],
    ["CPU", `${percent(profile.cpuShare)} of a core`],
    ["at work", `${percent(profile.busyShare)} of the time${collected}`],
    [
      "memory",
      `heap ${formatBytes(profile.heapBytes)} (at most ${formatBytes(profile.heapPeakBytes)}), ` +
        `buffers ${formatBytes(profile.externalBytes)} (at most ${formatBytes(profile.externalPeakBytes)})`,
    ],
    ["event loop late", `half ${formatMs(late.p50)}, 99 % ${formatMs(late.p99)}, at most ${formatMs(late.max)}`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(16)} ${value}`);
}

function percentiles({ p50, p90, p99, max }: Percentiles): string {
  if (max === 0) return "-";
  return `half ${formatMs(p50)}, 90 % ${formatMs(p90)}, 99 % ${formatMs(p99)}, at most ${formatMs(max)}`;
}

/** `finding fields            ####..........................  12.1 %  1.2 s` */
function whereTimeGoes(timeMs: TimeMs): string[] {
  const all = PARTS.reduce((sum, [part]) => sum + timeMs[part], 0);
  if (all === 0) return ["Where the time went was not measured."];
  return PARTS.map(([part, label]) => {
    const share = timeMs[part] / all;
    const full = Math.round(share * BAR);
    return `${label.padEnd(25)} ${"#".repeat(full)}${".".repeat(BAR - full)} ${percent(share).padStart(7)}  ${formatMs(timeMs[part])}`;
  });
}

function samples({ cpu }: Profile, { root, idle, kinds }: Flame): string[] {
  const share = (us: number) => percent(root.total === 0 ? 0 : us / root.total);
  const rows = heaviest(root, HEAVIEST).map(({ name, place, self, total }) => [
    share(self),
    share(total),
    plain(name).slice(0, 60),
    plain(place).slice(-60),
  ]);
  const lines = formatTable(
    [
      { title: "itself", align: "right" },
      { title: "with its calls", align: "right" },
      { title: "function", align: "left" },
      { title: "place", align: "left" },
    ],
    rows,
  );
  const split = Object.entries(kinds).filter(([, us]) => us > 0);
  return [
    "",
    `samples of actor ${cpu!.actor} for ${cpu!.seconds.toFixed(1)} s: ${formatMs(root.total / 1000)} at work, ${formatMs(idle / 1000)} with nothing to do`,
    ...split.map(([kind, us]) => `  ${share(us).padStart(7)}  ${KINDS[kind as Kind]}`),
    "",
    ...lines.map((line) => `  ${line}`),
  ];
}

/** One line a sink, and what holds them up. */
export function comparisonReport({ sinks, bottleneck, supervisor }: Comparison): string[] {
  const share = ({ timeMs }: Profile, part: keyof TimeMs) => {
    const all = PARTS.reduce((sum, [one]) => sum + timeMs[one], 0);
    return all === 0 ? "-" : percent(timeMs[part] / all);
  };
  const rows = sinks.map((sink) => [
    plain(sink.sink),
    formatCount(sink.recordsPerSecond),
    `${formatBytes(sink.bytesPerSecond)}/s`,
    formatCount(sink.lagAfter),
    percent(sink.cpuShare),
    percent(sink.busyShare),
    share(sink, "plugin"),
    share(sink, "backEnd"),
    share(sink, "retry"),
    share(sink, "records"),
    sink.callMs.max === 0 ? "-" : formatMs(sink.callMs.p99),
    sink.limit.is === "nothing" ? "keeps up" : sink.limit.is,
  ]);
  const columns = ALL_COLUMNS.map((title, i, all) => {
    return { title, align: i === 0 || i === all.length - 1 ? ("left" as const) : ("right" as const) };
  });
  const notes = sinks.flatMap(({ sink, notes }) => notes.map((note) => `Note: ${plain(sink)}: ${plain(note)}`));
  const head = bottleneck.sink === null ? "" : `${plain(bottleneck.sink)} is the bottleneck. `;
  return [
    ...formatTable(columns, rows),
    "",
    `The supervisor's thread is at work for ${percent(supervisor.busyShare)} of the time.`,
    `${head}${plain(bottleneck.why)}`,
    plain(bottleneck.help),
    ...notes,
  ];
}

const ALL_COLUMNS = [
  "sink",
  "records/s",
  "bytes/s",
  "behind",
  "CPU",
  "at work",
  "plugin",
  "back end",
  "retries",
  "no records",
  "call, 99 %",
  "limit",
];

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond);
}
