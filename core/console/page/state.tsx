import type { SinkState, SinkStatus } from "../../supervisor/status.ts";

export type Tone = "ok" | "warn" | "bad" | "idle";

const TONES: { readonly [state in SinkState]: Tone } = {
  starting: "idle",
  opening: "warn",
  open: "ok",
  draining: "idle",
  restarting: "warn",
  suspended: "bad",
  stopped: "idle",
};

/** By its state, and by what becomes of its backlog. */
export function toneOf({ state, backlog, reason }: SinkStatus): Tone {
  const tone = TONES[state];
  if (tone === "ok" && backlog.state === "dropping") return "bad";
  return tone === "ok" && (backlog.state !== "ok" || reason !== null) ? "warn" : tone;
}

export function State({ state, tone = TONES[state] }: { state: SinkState; tone?: Tone }) {
  return <Mark tone={tone} text={state} />;
}

/** A word and a dot, whose shape and colour say the same. */
export function Mark({ tone, text }: { tone: Tone; text: string }) {
  return (
    <span class={`state ${tone}`}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}
