import { useState } from "preact/hooks";
import type { Tapped } from "../../control/control.ts";
import { useAct } from "./act.ts";
import { askLines, sinkPath } from "./api.ts";
import { Fields } from "./fields.tsx";

const RECORDS = 10;

/** What a sink would send for real records; nothing is removed. */
export function TapPanel({ sink }: { sink: string }) {
  const [records, setRecords] = useState<readonly Tapped[] | null>(null);
  const { busy, act } = useAct();
  const tap = () =>
    act(async () => {
      const found: Tapped[] = [];
      for await (const tapped of askLines<Tapped>(sinkPath(sink, `tap?records=${RECORDS}`))) found.push(tapped);
      setRecords(found);
      return found.length === 0 ? "No records came." : `${found.length} records.`;
    });
  return (
    <section class="panel" aria-labelledby="tap">
      <div class="row">
        <h2 id="tap">What it sends</h2>
        <div class="actions">
          <button type="button" aria-disabled={busy} onClick={tap}>
            {busy ? "Waiting for records…" : `Look at ${RECORDS} records`}
          </button>
          {records !== null && (
            <button type="button" onClick={() => setRecords(null)}>
              Hide
            </button>
          )}
        </div>
      </div>
      <p class="sub">
        Records as the sink gets them, after its filters. Nothing is removed; personal fields are shown.
      </p>
      {records?.map(({ chunk, index, taken, record }, i) => (
        <details key={i} class="record">
          <summary>
            <code>{chunk === "" ? "not claimed yet" : `${chunk}.${index}`}</code> {record !== null && gist(record)}{" "}
            {!taken && <span class="tag">{record === null ? "cannot be decoded" : "left out by its filters"}</span>}
          </summary>
          {record === null ? <p class="empty">Nothing of it can be shown.</p> : <Fields record={record} />}
        </details>
      ))}
    </section>
  );
}

/** What a person knows a request by. */
function gist({ method, path, response_code: code }: NonNullable<Tapped["record"]>): string {
  return [method, path, code].filter((part) => typeof part === "string" || typeof part === "number").join(" ");
}
