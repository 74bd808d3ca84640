import { useState } from "preact/hooks";
import type { ActorStatus, SinkStatus } from "../../supervisor/status.ts";
import { useAct } from "./act.ts";
import { ask, sinkPath } from "./api.ts";
import { Chart } from "./chart.tsx";
import { Columns } from "./columns.tsx";
import { bytes, chunks, count, duration, percent, short } from "./format.ts";
import type { Figures } from "./history.ts";
import type { Shown } from "./overview.tsx";
import { ProfilePanel } from "./profile.tsx";
import { State, toneOf } from "./state.tsx";
import { TapPanel } from "./tap.tsx";

/** All of one sink. */
export function SinkView({ seen: { status, history }, name }: { seen: Shown; name: string }) {
  const sink = status.sinks.find((one) => one.name === name);
  const colour = status.sinks.findIndex((one) => one.name === name);
  if (sink === undefined) {
    return (
      <section class="panel">
        <h1>No sink {name}</h1>
        <p>
          This pump has none of that name. <a href="#/">All sinks</a>
        </p>
      </section>
    );
  }
  const { series } = history;
  const figures = history.figures.get(name);
  const line = (kind: "rate" | "p50" | "p99" | "lag", label: string, shade: number) => ({
    label,
    colour: shade,
    values: series[kind].get(name) ?? [],
  });
  return (
    <>
      <Head sink={sink} />
      {figures !== undefined && <Summary sink={sink} figures={figures} />}
      <section class="charts three" aria-label="The last five minutes">
        <Chart
          title="Throughput"
          unit="records/s"
          format={short}
          times={series.times}
          lines={[line("rate", "records/s", colour)]}
        />
        <Chart
          title="Latency"
          unit="p50 and p99"
          log
          format={duration}
          times={series.times}
          lines={[line("p50", "p50", colour), line("p99", "p99", colour + 1)]}
        />
        <Chart
          title="Behind"
          unit="records"
          format={short}
          times={series.times}
          lines={[line("lag", "behind", colour)]}
        />
      </section>
      <Actors actors={sink.actors} cpu={figures?.actorCpu ?? new Map()} />
      <ProfilePanel sink={name} />
      <TapPanel sink={name} />
      {sink.metrics.length > 0 && <PluginMetrics sink={sink} />}
    </>
  );
}

function Head({ sink }: { sink: SinkStatus }) {
  const { name, type, state, reason, backlog } = sink;
  const { busy, act } = useAct();
  const suspended = state === "suspended";
  const change = () =>
    act(async () => {
      await ask(sinkPath(name, suspended ? "resume" : "suspend"), { method: "POST" });
      return suspended ? `${name} goes on.` : `${name} gets nothing more until it is resumed; its backlog waits.`;
    });
  return (
    <section class="head">
      <p class="crumbs">
        <a href="#/">Overview</a> <span aria-hidden="true">/</span> Sinks
      </p>
      <div class="row">
        <h1>{name}</h1>
        <span class="tag">{type}</span>
        <State state={state} tone={toneOf(sink)} />
        <div class="actions">
          <a class="button" href={`#/letters?sink=${encodeURIComponent(name)}`}>
            Dead letters
          </a>
          <button type="button" class={suspended ? "primary" : ""} aria-disabled={busy} onClick={change}>
            {suspended ? "Resume" : "Suspend"}
          </button>
        </div>
      </div>
      {reason !== null && <p class="reason">{reason}</p>}
      {backlog.reason !== null && (
        <p class="reason">
          {backlog.state}: {backlog.reason}
        </p>
      )}
    </section>
  );
}

function Summary({ sink, figures }: { sink: SinkStatus; figures: Figures }) {
  const { lag, held, backlog } = sink;
  const rows: [label: string, value: string, more?: string][] = [
    ["Records a second", count(figures.rate), `${bytes(figures.bytesRate)}/s`],
    ["Behind", count(lag.records), lag.oldestMs >= 1000 ? `the oldest ${duration(lag.oldestMs)}` : chunks(lag.chunks)],
    ["In hand", count(held.records), chunks(held.chunks)],
    [
      "Latency",
      figures.p50 === null ? "–" : duration(figures.p50),
      figures.p99 === null ? "" : `99 %: ${duration(figures.p99)}`,
    ],
    ["CPU", percent(figures.cpu), "of one core"],
    ["Delivered", count(sink.delivered), bytes(sink.deliveredBytes)],
    ["Written", count(sink.written), `${count(sink.filtered)} filtered, ${count(sink.skipped)} skipped`],
    ["Dead letters", count(sink.deadLettered), "since the start"],
    ["Retries", count(sink.retries), `${count(sink.redelivered)} records again`],
    ["Restarts", count(sink.restarts), "of its actors"],
  ];
  if (backlog.waiting.records > 0) {
    rows.push(["On disk", count(backlog.waiting.records), bytes(backlog.waiting.bytes)]);
  }
  if (backlog.dropped > 0) rows.push(["Dropped", count(backlog.dropped), "records"]);
  return (
    <dl class="figures">
      {rows.map(([label, value, more]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {value}
            {more && <span class="sub">{more}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Actors({ actors, cpu }: { actors: readonly ActorStatus[]; cpu: ReadonlyMap<number, number> }) {
  return (
    <section class="panel">
      <h2 id="actors">Actors</h2>
      <div class="scroll">
        <table aria-labelledby="actors">
          <Columns
            titles={[
              "Actor",
              "State",
              { number: "CPU" },
              "Event loop",
              { number: "Heap" },
              { number: "Buffers" },
              { number: "CPU time" },
            ]}
          />
          <tbody>
            {actors.map(({ actor, state, cpuSeconds, heapBytes, externalBytes, eventLoopUse }) => (
              <tr key={actor}>
                <th scope="row">{actor}</th>
                <td>
                  <State state={state} />
                </td>
                <td class="number">{percent(cpu.get(actor) ?? 0)}</td>
                <td>
                  <meter min={0} max={1} high={0.8} value={eventLoopUse} aria-label="Use of the event loop" />
                  {percent(eventLoopUse)}
                </td>
                <td class="number">{bytes(heapBytes)}</td>
                <td class="number">{bytes(externalBytes)}</td>
                <td class="number">{duration(cpuSeconds * 1000)}</td>
              </tr>
            ))}
            {actors.length === 0 && (
              <tr>
                <td colSpan={7} class="empty">
                  None runs.
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Their names and texts are the plugin's. */
function PluginMetrics({ sink: { metrics } }: { sink: SinkStatus }) {
  const [all, setAll] = useState(false);
  const few = 12;
  return (
    <section class="panel">
      <h2 id="metrics">What the plugin measures</h2>
      <div class="scroll">
        <table aria-labelledby="metrics">
          <Columns titles={["Name", "Kind", { number: "Value" }, "Meaning"]} />
          <tbody>
            {metrics.slice(0, all ? undefined : few).map(({ name, help, kind, value, count: n }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{kind}</td>
                <td class="number">{kind === "histogram" ? `${count(value)} in ${count(n)}` : count(value)}</td>
                <td>{help}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {metrics.length > few && !all && (
        <button type="button" onClick={() => setAll(true)}>
          All {metrics.length}
        </button>
      )}
    </section>
  );
}
