import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { latencyOf, type Measured } from "@sluice/sdk/runtime";
import type { HeapSample } from "../actor/heap-guard.ts";
import type { Crew, CrewActor } from "../supervisor/crew.ts";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import type { Control } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import { bottleneckOf, limitOf } from "./limit.ts";
import { deliveryTimes, percentiles } from "./percentiles.ts";
import type { CpuProfile, Profile, TimeMs } from "./profile.ts";

/** What is needed of a pump. */
export interface Profiled {
  status(): Status;
  /** Throws ControlError where there is no such sink. */
  crew(sink: string): Crew;
}

export type Profiler = Pick<Control, "profile" | "profileAll">;

const SECONDS = { least: 1, most: 120 };
/** Measurements under way. */
const MOST = 8;
const HEAP_MS = 100;
/** An actor that is in the middle of something answers after it. */
const PATIENCE_MS = 3000;
const CPU_PATIENCE_MS = 10_000;
/** The host's own code, as it stands in a profile. */
const HOST = [new URL(".", import.meta.resolve("@sluice/sdk")).href, new URL("..", import.meta.url).href];
const NEVER = new AbortController().signal;

/** Measures sinks while they run. Throws ControlError. */
export function createProfiler(pump: Profiled): Profiler {
  let measuring = 0;
  const sampled = new Set<string>();

  async function bounded<T>(seconds: number, work: () => Promise<T>): Promise<T> {
    if (!(seconds >= SECONDS.least && seconds <= SECONDS.most)) {
      const message = `A profile takes ${SECONDS.least} to ${SECONDS.most} seconds.`;
      throw new ControlError(CONTROL_ERROR_CODES.badRequest, message);
    }
    if (measuring >= MOST) {
      const message = `${MOST} profiles are being taken: try again when one is done.`;
      throw new ControlError(CONTROL_ERROR_CODES.busy, message);
    }
    measuring++;
    try {
      return await work();
    } finally {
      measuring--;
    }
  }

  function profile(name: string, seconds: number, cpu: boolean, signal?: AbortSignal): Promise<Profile> {
    return bounded(seconds, async () => {
      const crew = pump.crew(name);
      if (!cpu) return take(pump, name, crew, seconds, false, signal);
      if (sampled.has(name)) {
        const message = `A CPU profile of the sink ${name} is being taken: wait for it, or ask for one without.`;
        throw new ControlError(CONTROL_ERROR_CODES.busy, message);
      }
      sampled.add(name);
      try {
        return await take(pump, name, crew, seconds, true, signal);
      } finally {
        sampled.delete(name);
      }
    });
  }

  return {
    profile,
    profileAll: (seconds, signal) =>
      bounded(seconds, async () => {
        const loop = performance.eventLoopUtilization();
        const cpu = process.threadCpuUsage();
        const began = performance.now();
        const names = pump.status().sinks.map(({ name }) => name);
        const taken = names.map((name) => take(pump, name, pump.crew(name), seconds, false, signal).catch(unlessGone));
        const sinks = (await Promise.all(taken)).filter((profile) => profile !== null);
        const { user, system } = process.threadCpuUsage(cpu);
        const supervisor = {
          busyShare: performance.eventLoopUtilization(loop).utilization,
          cpuShare: (user + system) / 1000 / (performance.now() - began),
        };
        return { sinks, bottleneck: bottleneckOf(sinks, supervisor), supervisor };
      }),
  };
}

/** A reload may take a sink away meanwhile. */
function unlessGone(error: unknown): null {
  if (error instanceof ControlError && error.code === CONTROL_ERROR_CODES.noSink) return null;
  throw error;
}

/** One actor while it is measured. */
interface Subject {
  seat: number;
  actor: CrewActor;
  cpuSeconds: number;
  first: Promise<Measured | null>;
  /** The memory of the actor, at the last look and at most: samples of its stack, taken later, need some of their own. */
  memory: HeapSample;
  peak: HeapSample;
}

/**
 * With samples of the stack, figures come from the first half of the time and samples from the second: the signals that
 * take samples cut short what the event loop counts as idle, and cost some speed.
 */
async function take(
  pump: Profiled,
  name: string,
  crew: Crew,
  seconds: number,
  cpu: boolean,
  signal: AbortSignal = NEVER,
): Promise<Profile> {
  const ms = (cpu ? seconds / 2 : seconds) * 1000;
  const startedAt = Date.now();
  const began = performance.now();
  const before = sinkOf(pump, name);
  const subjects = [...crew.actors()].map(([seat, actor]): Subject => {
    const { cpuSeconds, heap } = actor;
    return { seat, actor, cpuSeconds, first: actor.measure(true), memory: heap, peak: { ...heap } };
  });
  const notes: string[] = [];
  const look = () => subjects.forEach(lookAtMemory);
  const watch = setInterval(look, HEAP_MS);
  await pause(ms, signal);
  clearInterval(watch);
  look();
  const elapsed = (performance.now() - began) / 1000;
  const after = sinkOf(pump, name);
  const answers = await Promise.all(subjects.map((subject) => answerOf(subject, notes)));
  const measured = answers.filter((answer) => answer !== null);
  const sampled = cpu && !signal.aborted ? await sample(subjects, ms, signal, notes) : null;
  return describe({ name, crew, startedAt, seconds: elapsed, before, after, subjects, measured, notes, cpu: sampled });
}

function lookAtMemory(subject: Subject): void {
  const { heap, external } = subject.actor.heap;
  subject.memory = { heap, external };
  subject.peak.heap = Math.max(subject.peak.heap, heap);
  subject.peak.external = Math.max(subject.peak.external, external);
}

/** Whoever asked may go away: what was begun is ended then as well. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

function sinkOf(pump: Profiled, name: string): SinkStatus {
  const sink = pump.status().sinks.find((one) => one.name === name);
  if (!sink) throw new ControlError(CONTROL_ERROR_CODES.noSink, `The sink ${name} is no longer there.`);
  return sink;
}

/** What the actor measured meanwhile; null, and a note, where it does not say. */
async function answerOf({ seat, actor, first }: Subject, notes: string[]): Promise<Measured | null> {
  const last = actor.measure(false);
  const answers = await within(PATIENCE_MS, Promise.all([first, last]));
  if (answers === null) {
    notes.push(`Actor ${seat} does not answer: it is held by a long synchronous call, or stuck in a loop.`);
    return null;
  }
  const [from, to] = answers;
  if (from && to) return difference(from, to);
  notes.push(`Actor ${seat} ended while it was measured.`);
  return null;
}

/** Sums only grow; a plugin that has got at them may have told anything. */
function difference(from: Measured, to: Measured): Measured {
  const grown = (a: number, b: number) => Math.max(0, b - a);
  const ms = { ...to.ms };
  for (const name of Object.keys(ms) as (keyof Measured["ms"])[]) ms[name] = grown(from.ms[name], to.ms[name]);
  return {
    ...to,
    ms,
    records: grown(from.records, to.records),
    bytes: grown(from.bytes, to.bytes),
    calls: grown(from.calls, to.calls),
    failed: grown(from.failed, to.failed),
    latency: to.latency.map((count, i) => grown(from.latency[i] ?? 0, count)),
  };
}

/** Samples the stack of the actor that has the most to do. */
async function sample(
  subjects: readonly Subject[],
  ms: number,
  signal: AbortSignal,
  notes: string[],
): Promise<CpuProfile | null> {
  const [busiest] = subjects.toSorted((a, b) => b.actor.eventLoopUse - a.actor.eventLoopUse);
  if (!busiest) {
    notes.push("No CPU profile: no actor runs.");
    return null;
  }
  const began = performance.now();
  const stopping = Promise.withResolvers<void>();
  const profile = busiest.actor.startCpuProfile().then(async (stop) => {
    await stopping.promise;
    return stop();
  });
  // It may fail at once, and is waited for only later.
  profile.catch(() => {});
  await pause(ms, signal);
  const seconds = (performance.now() - began) / 1000;
  stopping.resolve();
  try {
    const text = await within(CPU_PATIENCE_MS, profile);
    if (text !== null) return { actor: busiest.seat, seconds, profile: text, host: HOST };
    notes.push("No CPU profile: the actor does not answer.");
  } catch (error) {
    notes.push(`No CPU profile: ${(error as Error).message}`);
  }
  return null;
}

function describe(of: {
  name: string;
  crew: Crew;
  startedAt: number;
  seconds: number;
  before: SinkStatus;
  after: SinkStatus;
  subjects: readonly Subject[];
  measured: readonly Measured[];
  notes: string[];
  cpu: CpuProfile | null;
}): Profile {
  const { crew, before, after, subjects, measured } = of;
  const sum = (what: (one: Measured) => number) => measured.reduce((total, one) => total + what(one), 0);
  const most = (what: (one: Measured) => number) => Math.max(0, ...measured.map(what));
  const grown = (what: "delivered" | "deliveredBytes" | "filtered" | "retries") =>
    Math.max(0, after[what] - before[what]);
  const known = measured.length > 0;
  // A thread that is busy hears only late that it is to stop measuring.
  const seconds = known ? most(({ ms }) => ms.wall) / 1000 : of.seconds;
  const records = known ? sum((one) => one.records) : grown("delivered");
  const bytes = known ? sum((one) => one.bytes) : grown("deliveredBytes");
  const calls = sum((one) => one.calls);
  const heap = (which: "heap" | "external") => subjects.reduce((total, one) => total + one.memory[which], 0);
  const peak = (which: "heap" | "external") => subjects.reduce((total, one) => total + one.peak[which], 0);
  const measures = {
    sink: of.name,
    type: after.type,
    plugin: crew.plugin,
    isolation: crew.isolation,
    startedAt: of.startedAt,
    seconds,
    state: after.state,
    reason: after.reason,
    actors: measured.length,
    records,
    bytes,
    delivered: grown("delivered"),
    filtered: grown("filtered"),
    retries: grown("retries"),
    recordsPerSecond: records / seconds,
    bytesPerSecond: bytes / seconds,
    calls,
    failedCalls: sum((one) => one.failed),
    callsPerSecond: calls / seconds,
    lagBefore: before.lag.records,
    lagAfter: after.lag.records,
    heldAfter: after.held.records,
    oldestMs: after.lag.oldestMs,
    timeMs: timesOf(sum),
    gcMs: sum(({ ms }) => ms.gc),
    cpuShare: known
      ? sum(({ ms }) => (ms.wall === 0 ? 0 : ms.cpu / ms.wall))
      : subjects.reduce((total, { actor, cpuSeconds }) => total + (actor.cpuSeconds - cpuSeconds) / seconds, 0),
    busyShare: known
      ? 1 -
        sum(({ ms }) => ms.idle) /
          Math.max(
            1,
            sum(({ ms }) => ms.wall),
          )
      : Math.max(0, ...subjects.map(({ actor }) => actor.eventLoopUse)),
    heapBytes: heap("heap"),
    heapPeakBytes: peak("heap"),
    externalBytes: heap("external"),
    externalPeakBytes: peak("external"),
    eventLoopDelayMs: {
      p50: most(({ loopDelayMs }) => loopDelayMs.p50),
      p99: most(({ loopDelayMs }) => loopDelayMs.p99),
      max: most(({ loopDelayMs }) => loopDelayMs.max),
    },
    callMs: percentiles(added(measured), latencyOf),
    deliveryMs: deliveryTimes(before.latency.counts, after.latency.counts),
    cpu: of.cpu,
    notes: of.notes,
  };
  return { ...measures, limit: limitOf(measures) };
}

function timesOf(sum: (what: (one: Measured) => number) => number): TimeMs {
  const { scan, filter, plugin, ...waits } = {
    scan: sum(({ ms }) => ms.scan),
    filter: sum(({ ms }) => ms.filter),
    plugin: sum(({ ms }) => ms.plugin),
    backEnd: sum(({ ms }) => ms.backEnd),
    retry: sum(({ ms }) => ms.retry),
    records: sum(({ ms }) => ms.records),
  };
  const work = sum(({ ms }) => ms.wall - ms.idle);
  return { scan, filter, plugin, other: Math.max(0, work - scan - filter - plugin), ...waits };
}

/** The counts of all actors, class by class. */
function added(measured: readonly Measured[]): number[] {
  const longest = Math.max(0, ...measured.map(({ latency }) => latency.length));
  return Array.from({ length: longest }, (_, i) => measured.reduce((total, one) => total + (one.latency[i] ?? 0), 0));
}

/** Null: it took longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  const late = new AbortController();
  try {
    return await Promise.race([work, sleep(ms, null, { signal: late.signal })]);
  } finally {
    late.abort();
  }
}
