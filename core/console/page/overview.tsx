import { useState } from "preact/hooks";
import type { Status } from "../../supervisor/status.ts";
import { Chart } from "./chart.tsx";
import { Flow } from "./flow.tsx";
import { duration, short } from "./format.ts";
import { Legend } from "./legend.tsx";
import { type Notice, noticesOf } from "./notices.ts";
import { sinkLink } from "./route.ts";
import { Services } from "./services.tsx";
import { toggled } from "./toggled.ts";
import type { Seen } from "./watch.ts";

export type Shown = Seen & { status: Status };

export function Overview({ seen }: { seen: Shown }) {
  const { status, history } = seen;
  const notices = noticesOf(status);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState<number | null>(null);
  const names = status.sinks.map(({ name }) => name);
  const lines = (kind: "rate" | "p99") =>
    names.map((name, colour) => ({
      label: name,
      colour,
      hidden: hidden.has(name),
      values: history.series[kind].get(name) ?? [],
    }));
  const toggle = (name: string) => setHidden((before) => toggled(before, name));
  return (
    <>
      <h1 class="headline" aria-live="polite">
        {headline(status, notices)}
      </h1>
      <Flow seen={seen} />
      {notices.length > 0 && <Notices notices={notices} />}
      <section aria-labelledby="charts" class="charts">
        <h2 id="charts" class="unseen">
          The last five minutes
        </h2>
        <Chart
          title="Throughput"
          unit="records/s"
          format={short}
          times={history.series.times}
          lines={lines("rate")}
          onCursor={setAt}
        />
        <Chart
          title="Latency, 99th percentile"
          unit=""
          format={duration}
          times={history.series.times}
          lines={lines("p99")}
          onCursor={setAt}
          log
        />
        <Legend
          at={at}
          times={history.series.times}
          lines={lines("rate").map((line, i) => ({ ...line, also: lines("p99")[i]!.values }))}
          onToggle={toggle}
        />
      </section>
      {status.uptime !== undefined && <Services uptime={status.uptime} at={seen.at} />}
    </>
  );
}

/** Changes only with what is the matter, so that it is not read out each second. */
function headline({ sinks, logError }: Status, notices: readonly Notice[]): string {
  if (logError !== null) return "The log is out of reach; nothing is lost.";
  const ready = sinks.filter((sink) => sink.ready).length;
  if (ready === sinks.length && notices.length === 0) {
    return sinks.length === 1 ? "The sink takes records." : `All ${sinks.length} sinks take records.`;
  }
  return `${ready} of ${sinks.length} sinks take records; ${notices.length === 1 ? "one thing needs" : `${notices.length} things need`} a look.`;
}

function Notices({ notices }: { notices: readonly Notice[] }) {
  return (
    <section aria-labelledby="notices" class="panel notices">
      <h2 id="notices">Needs a look</h2>
      <ul>
        {notices.map(({ tone, title, text, sink }) => (
          <li key={title} class={tone}>
            <span class="dot" aria-hidden="true" />
            <div>
              {sink === null ? <strong>{title}</strong> : <a href={sinkLink(sink)}>{title}</a>}
              <p>{text}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
