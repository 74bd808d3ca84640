import { useMemo, useState } from "preact/hooks";
import { type Flame, flameOf } from "../../control/flame.ts";
import type { CpuProfile, Profile, TimeMs } from "../../control/profile.ts";
import { useAct } from "./act.ts";
import { ask, sinkPath } from "./api.ts";
import { FlameGraph } from "./flame-graph.tsx";
import { bytes, count, duration, moment, percent } from "./format.ts";

const CHOICES = [5, 10, 30];
/** Over the time that the profile itself takes. */
const PATIENCE_MS = 60_000;

/** Takes a profile of one sink while it works, and shows it. */
export function ProfilePanel({ sink }: { sink: string }) {
  const [profile, setProfile] = useState<Profile | null>(null);
  const [seconds, setSeconds] = useState(0);
  const { busy, act } = useAct();
  const take = (wanted: number) => {
    setSeconds(wanted);
    return act(async () => {
      const path = sinkPath(sink, `profile?seconds=${wanted}&cpu=true`);
      setProfile(await ask<Profile>(path, { patienceMs: wanted * 1000 + PATIENCE_MS }));
      return `The profile of ${sink} is there.`;
    });
  };
  return (
    <section class="panel profile" aria-labelledby="profile">
      <div class="row">
        <h2 id="profile">Profile</h2>
        <div class="actions">
          {CHOICES.map((choice) => (
            <button key={choice} type="button" aria-disabled={busy} onClick={() => take(choice)}>
              Measure {choice} s
            </button>
          ))}
        </div>
      </div>
      {busy && (
        <div class="progress">
          <p>Measuring for {seconds} seconds. The sink goes on.</p>
          <div style={{ animationDuration: `${seconds}s` }} />
        </div>
      )}
      {!busy && profile === null && (
        <p class="sub">
          Where the sink's time goes, what keeps it from going faster, and which functions it spends its CPU in.
        </p>
      )}
      {!busy && profile !== null && <Result profile={profile} />}
    </section>
  );
}

const PARTS: readonly [part: keyof TimeMs, label: string][] = [
  ["plugin", "the plugin at work"],
  ["scan", "finding fields"],
  ["filter", "filters and preparation"],
  ["other", "other work"],
  ["backEnd", "waiting for the far end"],
  ["retry", "between tries"],
  ["records", "waiting for records"],
];

function Result({ profile }: { profile: Profile }) {
  const { limit, timeMs, cpu, notes, startedAt, seconds, actors, isolation, plugin } = profile;
  const total = Math.max(
    1,
    PARTS.reduce((sum, [part]) => sum + timeMs[part], 0),
  );
  return (
    <>
      <p class="verdict">
        <strong>{limit.why}</strong> {limit.help}
      </p>
      <p class="sub">
        {moment(startedAt)}, measured for {duration(seconds * 1000)}
        {cpu !== null && `, then sampled for ${duration(cpu.seconds * 1000)}`}; {plugin}, {count(actors)}{" "}
        {actors === 1 ? "actor in a" : "actors, each in a"} {isolation === "process" ? "process" : "thread"}
      </p>
      <h3 id="time">Where the time goes</h3>
      <div class="shares" aria-hidden="true">
        {PARTS.map(([part], i) => (
          <span key={part} class={`share-${i}`} style={{ width: `${(timeMs[part] / total) * 100}%` }} />
        ))}
      </div>
      <ul class="share-key" aria-labelledby="time">
        {PARTS.filter(([part]) => timeMs[part] > 0).map(([part, label]) => (
          <li key={part}>
            <span class={`swatch share-${PARTS.findIndex(([one]) => one === part)}`} aria-hidden="true" />
            {label} <strong>{percent(timeMs[part] / total)}</strong>
          </li>
        ))}
      </ul>
      <Measured profile={profile} />
      {notes.length > 0 && (
        <ul class="sub">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      {cpu !== null && (
        <>
          <div class="row">
            <h3>CPU of actor {cpu.actor}</h3>
            <div class="actions">
              <button type="button" onClick={() => save(profile, cpu.profile)}>
                Save as .cpuprofile
              </button>
            </div>
          </div>
          <Cpu cpu={cpu} />
        </>
      )}
    </>
  );
}

/** A plugin may have forged what its own thread measured. */
function Cpu({ cpu }: { cpu: CpuProfile }) {
  const flame = useMemo((): Flame | null => {
    try {
      return flameOf(cpu.profile, cpu.host);
    } catch {
      return null;
    }
  }, [cpu]);
  return flame === null ? <p class="empty">What came is no profile.</p> : <FlameGraph flame={flame} />;
}

function Measured({ profile }: { profile: Profile }) {
  const { recordsPerSecond, bytesPerSecond, callsPerSecond, failedCalls, cpuShare, busyShare, gcMs } = profile;
  const { heapBytes, heapPeakBytes, eventLoopDelayMs, callMs, deliveryMs, lagBefore, lagAfter } = profile;
  const rows: [label: string, value: string, more: string][] = [
    ["Records a second", count(recordsPerSecond), `${bytes(bytesPerSecond)}/s`],
    ["Calls a second", count(callsPerSecond), `${count(failedCalls)} failed`],
    ["A call takes", duration(callMs.p50), `99 %: ${duration(callMs.p99)}`],
    ["Delivery takes", duration(deliveryMs.p50), `99 %: ${duration(deliveryMs.p99)}`],
    ["CPU", percent(cpuShare), `threads at work ${percent(busyShare)}`],
    ["Garbage collector", duration(gcMs), "of the time at work"],
    ["Heap", bytes(heapBytes), `at most ${bytes(heapPeakBytes)}`],
    ["Event loop late by", duration(eventLoopDelayMs.p50), `at most ${duration(eventLoopDelayMs.max)}`],
    ["Behind", count(lagAfter), `before: ${count(lagBefore)}`],
  ];
  return (
    <dl class="figures small">
      {rows.map(([label, value, more]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {value}
            <span class="sub">{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function save({ sink, startedAt }: Profile, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  const stamp = new Date(startedAt).toISOString().slice(0, 19).replaceAll(":", "-");
  link.download = `${sink.replace(/[^\w.-]/g, "_")}-${stamp}.cpuprofile`;
  link.click();
  URL.revokeObjectURL(url);
}
