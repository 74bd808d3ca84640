import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { SinkStatus, Status } from "../../supervisor/status.ts";
import { bytes, chunks, count, duration, short } from "./format.ts";
import type { History } from "./history.ts";
import { listsToShow, type ShownList } from "./lists.ts";
import type { Shown } from "./overview.tsx";
import { type Pipe, Pipes } from "./pipes.tsx";
import { sinkLink } from "./route.ts";
import { Spark } from "./spark.tsx";
import { State, toneOf } from "./state.tsx";

/** The way of the records: from the gateway's lists into the log, and from there to each sink. */
export function Flow({ seen: { status, history } }: { seen: Shown }) {
  const root = useRef<HTMLElement>(null);
  const { shown, unused } = listsToShow(status.lists, history.claimed);
  const pipes = usePipes(root, shown, status, history);
  return (
    <section ref={root} class="flow" aria-label="The way of the records">
      <Pipes pipes={pipes} />
      <div class="stage">
        <h2>Lists</h2>
        {shown.map((list) => (
          <List key={list.name} list={list} />
        ))}
        {unused > 1 && <p class="sub unused">{count(unused)} lists have had no records.</p>}
      </div>
      <div class="stage">
        <h2>Log</h2>
        <Log status={status} />
      </div>
      <div class="stage">
        <h2 id="sinks">Sinks</h2>
        <Sinks sinks={status.sinks} history={history} />
      </div>
    </section>
  );
}

function List({ list: { name, live, rate } }: { list: ShownList }) {
  return (
    <article class="card" data-list={name}>
      <h3 title={name}>{name}</h3>
      <p class="figure">
        <strong>{count(rate)}</strong> records/s
      </p>
      <p class="sub">{count(live)} wait in Redis</p>
    </article>
  );
}

function Log({ status: { backlog, logError, slabs, sinks } }: { status: Status }) {
  const furthest = Math.max(0, ...sinks.map(({ lag }) => lag.chunks));
  return (
    <article class={`card ${logError === null ? "" : "bad"}`} data-log>
      <h3>Backlog</h3>
      <p class="figure">
        <strong>{short(backlog.records)}</strong> records
      </p>
      <p class="sub">
        {bytes(backlog.bytes)}
        {backlog.limit > 0 && ` of ${bytes(backlog.limit)}`}
      </p>
      {backlog.limit > 0 && (
        <meter
          min={0}
          max={backlog.limit}
          high={backlog.limit * 0.8}
          value={Math.min(backlog.bytes, backlog.limit)}
          aria-label="Backlog, as a part of its limit"
        />
      )}
      <p class="sub">{chunks(furthest)} for the sink furthest behind</p>
      <p class="sub">{bytes(slabs.pinned)} in the sinks' hands</p>
      {logError !== null && <p class="bad-text">{logError}</p>}
    </article>
  );
}

function Sinks({ sinks, history }: { sinks: readonly SinkStatus[]; history: History }) {
  return (
    <table class="sinks" aria-labelledby="sinks">
      <thead>
        <tr>
          <th scope="col">Sink</th>
          <th scope="col">State</th>
          <th scope="col" class="number">
            Records/s
          </th>
          <th scope="col" class="graph">
            5 min
          </th>
          <th scope="col" class="number">
            Behind
          </th>
          <th scope="col" class="number">
            p50
          </th>
          <th scope="col" class="number">
            p99
          </th>
          <th scope="col" class="number">
            Retries
          </th>
        </tr>
      </thead>
      <tbody>
        {sinks.map((sink, i) => (
          <SinkRow key={sink.name} sink={sink} history={history} colour={i} />
        ))}
      </tbody>
    </table>
  );
}

function SinkRow({ sink, history, colour }: { sink: SinkStatus; history: History; colour: number }) {
  const { name, type, state, lag, retries } = sink;
  const { rate, p50, p99 } = history.figures.get(name) ?? { rate: 0, p50: null, p99: null };
  return (
    <tr data-sink={name}>
      <th scope="row">
        <a href={sinkLink(name)}>{name}</a>
        {type !== name && <span class="sub">{type}</span>}
      </th>
      <td>
        <State state={state} tone={toneOf(sink)} />
      </td>
      <td class="number" data-label="Records/s">
        <strong>{count(rate)}</strong>
      </td>
      <td class="graph">
        <Spark values={history.series.rate.get(name) ?? []} colour={colour} />
      </td>
      <td class="number" data-label="Behind">
        {count(lag.records)}
        {lag.oldestMs >= 1000 && <span class="sub">{duration(lag.oldestMs)}</span>}
      </td>
      <td class="number" data-label="p50">
        {p50 === null ? "–" : duration(p50)}
      </td>
      <td class="number" data-label="p99">
        {p99 === null ? "–" : duration(p99)}
      </td>
      <td class="number" data-label="Retries">
        {count(retries)}
      </td>
    </tr>
  );
}

/** Where the pipes lie; measured anew when the stages move. */
function usePipes(
  root: { current: HTMLElement | null },
  lists: readonly ShownList[],
  status: Status,
  history: History,
): Pipe[] {
  const [places, setPlaces] = useState<ReadonlyMap<string, { x: number; right: number; y: number }>>(new Map());
  const names = [...lists, ...status.sinks].map(({ name }) => name).join("\n");
  useLayoutEffect(() => {
    const section = root.current;
    if (section === null) return;
    const measure = () => {
      const frame = section.getBoundingClientRect();
      const found = section.querySelectorAll<HTMLElement>("[data-list], [data-log], [data-sink]");
      setPlaces(
        new Map(
          [...found].map((element) => {
            const { left, right, top, height } = element.getBoundingClientRect();
            const { list, sink } = element.dataset;
            const key = list !== undefined ? `list ${list}` : sink !== undefined ? `sink ${sink}` : "log";
            return [key, { x: left - frame.left, right: right - frame.left, y: top - frame.top + height / 2 }];
          }),
        ),
      );
    };
    const observer = new ResizeObserver(measure);
    observer.observe(section);
    return () => observer.disconnect();
  }, [names]);

  const log = places.get("log");
  if (log === undefined) return [];
  const into = lists.flatMap(({ name, rate }) => {
    const place = places.get(`list ${name}`);
    return place === undefined ? [] : [{ from: [place.right, place.y], to: [log.x, log.y], rate, tone: "ok" } as const];
  });
  const out = status.sinks.flatMap((sink) => {
    const place = places.get(`sink ${sink.name}`);
    const rate = history.figures.get(sink.name)?.rate ?? 0;
    return place === undefined
      ? []
      : [{ from: [log.right, log.y], to: [place.x, place.y], rate, tone: toneOf(sink) } as const];
  });
  return [...into, ...out];
}
