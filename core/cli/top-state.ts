import type { SinkStatus } from "../supervisor/status.ts";
import { rateOf, type Span } from "./rates.ts";

/** What `sluice top` shows of what it knows. Changed by keys alone. */
export interface TopState {
  screen: "sinks" | "sink" | "profile";
  /** By name: sinks come and go. Null: the first. */
  chosen: string | null;
  sort: Sort;
  /** First line shown where a screen does not hold all. */
  scroll: number;
}

export const SORTS = ["name", "rate", "lag", "cpu", "state"] as const;
export type Sort = (typeof SORTS)[number];

export const FIRST: TopState = { screen: "sinks", chosen: null, sort: "name", scroll: 0 };

/** What a key asks for besides another view. */
export type Action = { do: "quit" } | { do: "suspend" | "resume" | "profile" | "look"; sink: string } | null;

/** `key`: as node:readline names it. */
export function press(state: TopState, key: string, span: Span): { state: TopState; action: Action } {
  const sinks = sorted(span, state.sort);
  const at = chosenAt(state, sinks);
  const sink = sinks[at]?.name ?? null;
  const stay = (changes: Partial<TopState>, action: Action = null) => ({ state: { ...state, ...changes }, action });
  const move = (by: number) =>
    state.screen === "sinks"
      ? stay({ chosen: sinks[Math.min(sinks.length - 1, Math.max(0, at + by))]?.name ?? null })
      : stay({ scroll: Math.max(0, state.scroll + by) });
  const ask = (what: "suspend" | "resume" | "profile") => stay({}, sink === null ? null : { do: what, sink });
  switch (key) {
    case "q":
      return state.screen === "sinks" ? stay({}, { do: "quit" }) : stay({ screen: "sinks", scroll: 0 });
    case "escape":
    case "left":
    case "backspace":
      return stay({ screen: "sinks", scroll: 0 });
    case "up":
    case "k":
      return move(-1);
    case "down":
    case "j":
      return move(1);
    case "pageup":
      return move(-10);
    case "pagedown":
      return move(10);
    case "s":
      return stay({ sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length]! });
    case "return":
    case "right":
      if (sink === null || state.screen !== "sinks") return stay({});
      return stay({ screen: "sink", chosen: sink, scroll: 0 }, { do: "look", sink });
    case "p":
      return ask("profile");
    case "u":
      return ask("suspend");
    case "r":
      return ask("resume");
    default:
      return stay({});
  }
}

export function sorted(span: Span, sort: Sort): SinkStatus[] {
  const by: { readonly [sort in Sort]: (sink: SinkStatus) => number } = {
    name: () => 0,
    rate: (sink) => -rateOf(span, sink, ({ delivered }) => delivered),
    lag: ({ lag }) => -lag.records,
    cpu: (sink) => -rateOf(span, sink, ({ cpuSeconds }) => cpuSeconds),
    state: ({ ready, state }) => (state === "suspended" ? 0 : ready ? 2 : 1),
  };
  const name = (a: SinkStatus, b: SinkStatus) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  return span.last.sinks.toSorted((a, b) => by[sort](a) - by[sort](b) || name(a, b));
}

/** Where the chosen sink stands; the first where it is gone. */
export function chosenAt({ chosen }: Pick<TopState, "chosen">, sinks: readonly SinkStatus[]): number {
  return Math.max(
    0,
    sinks.findIndex(({ name }) => name === chosen),
  );
}
