import { formatCount } from "../cli/format.ts";
import type { Bottleneck, Limit, Profile } from "./profile.ts";

/** What is known of a sink before it is judged. */
export type Measures = Omit<Profile, "limit">;

interface Rule {
  is: Limit["is"];
  holds(sink: Measures): boolean;
  why(sink: Measures): string;
  help: string;
}

/** More than this share of the time is most of it. */
const MOST = 0.5;
/** A thread that is at work for so much of the time has hardly a gap left. */
const SATURATED = 0.8;
/** A sink that lacks less than a second's records, or one chunk, keeps up with what it has in hand. */
const CHUNK_RECORDS = 1000;
/** Longer than a gather takes. */
const OLD_MS = 30_000;

/** The first that holds. */
const RULES: readonly Rule[] = [
  {
    is: "down",
    holds: ({ state }) => state !== "open",
    why: ({ state, reason }) => `It takes no records: it is ${state}${reason === null ? "" : `, because ${reason}`}.`,
    help: "Remove what the reason names; then `sluice resume`, or wait for its next try.",
  },
  {
    is: "failing",
    holds: (sink) =>
      sink.failedCalls > 0 && (shareOf(sink, "retry") > MOST / 2 || sink.failedCalls > sink.calls * MOST),
    why: ({ calls, failedCalls, reason }) =>
      `${formatCount(failedCalls)} of ${formatCount(calls)} calls failed${reason === null ? "" : `: ${reason}`}.`,
    help: "Look at its back end: nothing in the pump is the limit.",
  },
  {
    is: "blocked",
    holds: ({ actors }) => actors === 0,
    why: ({ notes }) => notes[0] ?? "None of its actors ran for all of the time.",
    help: "Its flame graph shows where it is; an actor that stays silent is ended and started anew.",
  },
  {
    is: "nothing",
    holds: (sink) => !isBehind(sink),
    why: (sink) => `It keeps up; its actors are at work for ${percent(sink.busyShare)} of the time.`,
    help: "Nothing is to be done.",
  },
  {
    is: "blocked",
    holds: ({ busyShare, cpuShare, actors }) => busyShare > SATURATED && cpuShare < actors * busyShare * MOST,
    why: (sink) =>
      `Its thread is held for ${percent(sink.busyShare)} of the time, but computes for ${percent(sink.cpuShare)} of a core only: ` +
      "it waits in synchronous calls (files, a database in the process), or for a core of this machine.",
    help: "Give it a faster disk, or the machine a core that is free.",
  },
  {
    is: "thread",
    holds: ({ busyShare }) => busyShare > SATURATED,
    why: (sink) => `Its thread is at work for ${percent(sink.busyShare)} of the time.`,
    help: "Raise `actors` while the machine has cores that are free; its flame graph shows where the time goes.",
  },
  {
    is: "back end",
    holds: (sink) => shareOf(sink, "backEnd") > MOST,
    why: (sink) =>
      `It waits for its back end for ${percent(shareOf(sink, "backEnd"))} of the time; half of its calls take ${formatMs(sink.callMs.p50)} or more.`,
    help: "Make the back end faster, or raise `actors`: more calls are under way then.",
  },
  {
    is: "log",
    holds: (sink) => shareOf(sink, "records") > MOST,
    why: (sink) => `It waits for records for ${percent(shareOf(sink, "records"))} of the time, though it is behind.`,
    help: "The log or the supervisor is the limit: look at Redis, and at the CPU of this machine.",
  },
  {
    is: "several",
    holds: () => true,
    why: (sink) =>
      `At work for ${percent(sink.busyShare)} of the time, waiting for its back end for ${percent(shareOf(sink, "backEnd"))}, ` +
      `for records for ${percent(shareOf(sink, "records"))}: no one thing is the limit.`,
    help: "Raise `actors`: what one waits for, another can use.",
  },
];

/** What keeps a sink from going faster. */
export function limitOf(sink: Measures): Limit {
  const rule = RULES.find(({ holds }) => holds(sink))!;
  return { is: rule.is, why: rule.why(sink), help: rule.help };
}

/** Which sink is the furthest behind, or what holds all of them up. */
export function bottleneckOf(sinks: readonly Profile[], supervisor: { busyShare: number }): Bottleneck {
  const behind = sinks.filter((sink) => sink.limit.is !== "nothing").toSorted((a, b) => b.lagAfter - a.lagAfter);
  const [worst] = behind;
  if (!worst) {
    const [busiest] = sinks.toSorted((a, b) => b.busyShare - a.busyShare);
    const next = busiest ? ` The next limit would be ${busiest.sink}, ${percent(busiest.busyShare)} at work.` : "";
    return { sink: null, is: "nothing", why: `All sinks keep up.${next}`, help: "Nothing is to be done." };
  }
  if (behind.every(({ limit }) => limit.is === "log")) {
    const saturated = supervisor.busyShare > SATURATED;
    return {
      sink: null,
      is: "log",
      why: saturated
        ? `The supervisor's thread is at work for ${percent(supervisor.busyShare)} of the time: it is the limit.`
        : `The sinks wait for records, and the supervisor is at work for only ${percent(supervisor.busyShare)} of the time: the log is slow.`,
      help: saturated
        ? "Run another instance: they share the work."
        : "Look at the log: Redis, its network, or the disk.",
    };
  }
  return { sink: worst.sink, ...worst.limit };
}

function isBehind({ lagAfter, heldAfter, oldestMs, recordsPerSecond }: Measures): boolean {
  return lagAfter - heldAfter > Math.max(CHUNK_RECORDS, recordsPerSecond) || oldestMs > OLD_MS;
}

/** Of the time of its actors; 0 where it was not measured. */
export function shareOf({ timeMs }: Pick<Profile, "timeMs">, what: keyof Profile["timeMs"]): number {
  const all = Object.values(timeMs).reduce((sum, ms) => sum + ms, 0);
  return all === 0 ? 0 : timeMs[what] / all;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}
