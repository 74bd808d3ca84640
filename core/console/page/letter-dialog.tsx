import { useEffect, useState } from "preact/hooks";
import type { LetterView } from "../../control/letters.ts";
import { ask } from "./api.ts";
import { Dialog } from "./dialog.tsx";
import { Fields } from "./fields.tsx";
import { bytes, moment } from "./format.ts";

/** One dead letter, decoded; personal fields are blanked until somebody asks for them. */
export function LetterDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [redact, setRedact] = useState(true);
  const [letter, setLetter] = useState<LetterView | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    setError("");
    ask<LetterView>(`letters/${encodeURIComponent(id)}?redact=${redact}`).then(setLetter, (failed: Error) =>
      setError(failed.message),
    );
  }, [id, redact]);
  return (
    <Dialog title="Dead letter" wide onClose={onClose}>
      {error !== "" && (
        <p class="bad-text" role="alert">
          {error}
        </p>
      )}
      {letter === null && error === "" && <p class="empty">Looking…</p>}
      {letter !== null && (
        <>
          <p class="reason">{letter.reason}</p>
          <p class="sub">
            {letter.sink}, {moment(letter.at)}, {bytes(letter.bytes)}, record{" "}
            <code>{`${letter.chunk}.${letter.index}`}</code>
          </p>
          {letter.record === null ? (
            <p class="empty">It cannot be decoded. Its bytes, base64: {letter.raw || "blanked"}</p>
          ) : (
            <Fields record={letter.record} />
          )}
        </>
      )}
      <div class="actions end">
        <label class="check">
          <input type="checkbox" checked={redact} onChange={(event) => setRedact(event.currentTarget.checked)} />
          Blank personal fields
        </label>
        <button type="button" autofocus onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
