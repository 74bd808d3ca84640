import { useEffect, useState } from "preact/hooks";
import type { Replayed } from "../../control/control.ts";
import type { Letter, LetterFilter, LetterSummary } from "../../control/letters.ts";
import { useAct } from "./act.ts";
import { ask } from "./api.ts";
import { Columns } from "./columns.tsx";
import { Confirm } from "./dialog.tsx";
import { bytes, count, moment } from "./format.ts";
import { LetterDialog } from "./letter-dialog.tsx";
import { LetterForm } from "./letter-form.tsx";
import type { Shown } from "./overview.tsx";
import { sinkLink } from "./route.ts";
import { toggled } from "./toggled.ts";

const PAGE = 50;

type Deed = "replay" | "drop";

/** What is asked of which letters, before it is done. */
interface Question {
  deed: Deed;
  filter: LetterFilter;
  records: number;
}

type Done = Pick<Replayed, "records"> & Partial<Replayed>;

/** Records that a sink would never take, and what to do with them. */
export function LettersView({ seen: { status }, query }: { seen: Shown; query: URLSearchParams }) {
  const sink = query.get("sink");
  const [filter, setFilter] = useState<LetterFilter>(sink === null ? {} : { sink });
  const [found, setFound] = useState<LetterSummary | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [question, setQuestion] = useState<Question | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const { busy, act } = useAct();

  const list = (wanted: LetterFilter, after?: string) =>
    act(async () => {
      const page = await ask<LetterSummary>(
        `letters?${parameters({ ...wanted, limit: PAGE, ...(after !== undefined && { after }) })}`,
      );
      setFound((before) =>
        after === undefined || before === null ? page : { ...page, letters: [...before.letters, ...page.letters] },
      );
      return after === undefined ? `${count(page.records)} dead letters.` : `${page.letters.length} more.`;
    });
  const apply = (wanted: LetterFilter) => {
    setFilter(wanted);
    setChosen(new Set());
    void list(wanted);
  };
  useEffect(() => void list(filter), []);

  const all = found?.records ?? 0;
  const put = (deed: Deed) => {
    if (busy || all === 0) return;
    const some = chosen.size > 0;
    setQuestion({ deed, records: some ? chosen.size : all, filter: some ? { ids: [...chosen] } : filter });
  };
  const answer = async ({ deed, filter: which }: Question) => {
    const done = await act(async () => {
      const { records, skipped = [] } = await ask<Done>(`letters/${deed}`, { method: "POST", body: which });
      const left = skipped.map(({ reason, letters }) => ` ${count(letters)} stay: ${reason}.`).join("");
      return `${count(records)} ${deed === "replay" ? "go to their sinks again" : "are dropped"}.${left}`;
    });
    setQuestion(null);
    if (done) apply(filter);
  };
  const what = chosen.size > 0 ? `the ${count(chosen.size)} chosen` : `all ${count(all)}`;
  return (
    <>
      <h1>Dead letters</h1>
      <p class="lead">
        Records that a sink will never take as they are. Each waits here with its reason, until it is given to its sink
        again or dropped.
      </p>
      <LetterForm filter={filter} sinks={status.sinks.map(({ name }) => name)} busy={busy} onApply={apply} />
      {found !== null && found.totals.length > 0 && (
        <Reasons summary={found} onChoose={({ sink, reason }) => apply({ ...filter, sink, reason })} />
      )}
      <section class="panel" aria-labelledby="letters">
        <div class="row">
          <h2 id="letters">{found === null ? "Looking…" : `${count(all)} letters`}</h2>
          <div class="actions">
            <button type="button" aria-disabled={busy || all === 0} onClick={() => put("replay")}>
              Replay {what}
            </button>
            <button type="button" class="danger" aria-disabled={busy || all === 0} onClick={() => put("drop")}>
              Drop {what}
            </button>
          </div>
        </div>
        {found !== null && <Table letters={found.letters} chosen={chosen} onChoose={setChosen} onShow={setShown} />}
        {found?.more && (
          <button type="button" aria-disabled={busy} onClick={() => list(filter, found.more!)}>
            More
          </button>
        )}
      </section>
      {shown !== null && <LetterDialog id={shown} onClose={() => setShown(null)} />}
      {question !== null && (
        <Confirm
          title={
            question.deed === "drop"
              ? `Drop ${count(question.records)} dead letters?`
              : `Replay ${count(question.records)} dead letters?`
          }
          text={
            question.deed === "drop"
              ? "They are deleted for good, and no sink gets them."
              : "Each goes to its own sink, and to that one only. Once it is delivered it is no dead letter any more; what is refused again stays one."
          }
          verb={question.deed === "drop" ? "Drop them" : "Replay them"}
          danger={question.deed === "drop"}
          busy={busy}
          onConfirm={() => void answer(question)}
          onClose={() => setQuestion(null)}
        />
      )}
    </>
  );
}

function parameters(filter: LetterFilter): string {
  return new URLSearchParams(Object.entries(filter).map(([name, value]) => [name, String(value)])).toString();
}

function Reasons(props: { summary: LetterSummary; onChoose: (one: { sink: string; reason: string }) => void }) {
  return (
    <section class="panel" aria-labelledby="reasons">
      <h2 id="reasons">Why</h2>
      <div class="scroll">
        {" "}
        <table class="reasons" aria-labelledby="reasons">
          <Columns titles={["Reason", "Sink", { number: "Letters" }, { number: "Size" }]} />
          <tbody>
            {props.summary.totals.slice(0, 10).map(({ sink, reason, records, bytes: size }) => (
              <tr key={`${sink}\n${reason}`}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => props.onChoose({ sink, reason })}>
                    {reason}
                  </button>
                </th>
                <td>
                  <a href={sinkLink(sink)}>{sink}</a>
                </td>
                <td class="number">{count(records)}</td>
                <td class="number">{bytes(size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface TableProps {
  letters: readonly Letter[];
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  onShow: (id: string) => void;
}

function Table({ letters, chosen, onChoose, onShow }: TableProps) {
  const every = letters.length > 0 && letters.every(({ id }) => chosen.has(id));
  return (
    <div class="scroll">
      <table class="letters" aria-labelledby="letters">
        <thead>
          <tr>
            <th scope="col">
              <input
                type="checkbox"
                aria-label="Choose all that are shown"
                checked={every}
                onChange={() => onChoose(new Set(every ? [] : letters.map(({ id }) => id)))}
              />
            </th>
            <th scope="col">When</th>
            <th scope="col">Sink</th>
            <th scope="col">Reason</th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">
              <span class="unseen">Show</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {letters.map(({ id, at, sink, reason, bytes: size }) => (
            <tr key={id}>
              <td>
                <input
                  type="checkbox"
                  aria-label={`Choose the letter ${id}`}
                  checked={chosen.has(id)}
                  onChange={() => onChoose(toggled(chosen, id))}
                />
              </td>
              <td class="when">{moment(at)}</td>
              <td>{sink}</td>
              <td class="why">{reason}</td>
              <td class="number">{bytes(size)}</td>
              <td>
                <button type="button" aria-label={`Show the letter ${id}`} onClick={() => onShow(id)}>
                  Show
                </button>
              </td>
            </tr>
          ))}
          {letters.length === 0 && (
            <tr>
              <td colSpan={6} class="empty">
                There are none.
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
