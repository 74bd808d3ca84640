import { useEffect, useState } from "preact/hooks";
import type { LetterFilter } from "../../control/letters.ts";

export interface LetterFormProps {
  filter: LetterFilter;
  sinks: readonly string[];
  busy: boolean;
  onApply: (filter: LetterFilter) => void;
}

/** As in a field of type datetime-local: the time of this place. */
function localTime(at: number | undefined): string {
  if (at === undefined) return "";
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Which dead letters are meant. */
export function LetterForm({ filter, sinks, busy, onApply }: LetterFormProps) {
  const [draft, setDraft] = useState(filter);
  useEffect(() => setDraft(filter), [filter]);
  const set = (name: keyof LetterFilter, value: string | number | undefined) => {
    const { [name]: _, ...rest } = draft;
    setDraft(value === undefined || value === "" || Number.isNaN(value) ? rest : { ...rest, [name]: value });
  };
  const apply = (event: Event) => {
    event.preventDefault();
    onApply(draft);
  };
  const names = new Set([...sinks, ...(draft.sink === undefined ? [] : [draft.sink])]);
  return (
    <form class="panel filter" onSubmit={apply} aria-label="Which dead letters">
      <label>
        Sink
        <select value={draft.sink ?? ""} onChange={(event) => set("sink", event.currentTarget.value)}>
          <option value="">every sink</option>
          {[...names].map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="grow">
        Reason contains
        <input
          type="search"
          maxLength={1024}
          value={draft.reason ?? ""}
          onInput={(event) => set("reason", event.currentTarget.value)}
        />
      </label>
      {(["since", "until"] as const).map((name) => (
        <label key={name}>
          {name === "since" ? "From" : "Before"}
          <input
            type="datetime-local"
            value={localTime(draft[name])}
            onChange={(event) =>
              set(name, event.currentTarget.value ? new Date(event.currentTarget.value).getTime() : "")
            }
          />
        </label>
      ))}
      <div class="actions">
        <button type="submit" class="primary" aria-disabled={busy}>
          Show
        </button>
        <button type="button" aria-disabled={busy || Object.keys(draft).length === 0} onClick={() => onApply({})}>
          Clear
        </button>
      </div>
    </form>
  );
}
