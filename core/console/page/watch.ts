import { useEffect, useState } from "preact/hooks";
import type { About } from "../../control/control.ts";
import type { Status } from "../../supervisor/status.ts";
import { ApiError, ask, askLines, hasToken } from "./api.ts";
import { History } from "./history.ts";
import { announce } from "./toasts.tsx";

export type Connection = "connecting" | "live" | "away" | "token";

/** What is known of the pump. */
export interface Seen {
  connection: Connection;
  /** While it is away: why. */
  why: string;
  about: About | null;
  status: Status | null;
  /** When that was, milliseconds since 1970. */
  at: number;
  history: History;
}

const EVERY_MS = 1000;
const PATIENCE_MS = 5000;

let seen: Seen = { connection: "connecting", why: "", about: null, status: null, at: 0, history: new History() };
const watchers = new Set<(seen: Seen) => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let looking = new AbortController();

function show(more: Partial<Seen>): void {
  seen = { ...seen, ...more };
  for (const watcher of watchers) watcher(seen);
}

/** Looks now, and then every second for as long as the page is visible. What looked until now ends. */
export async function look(): Promise<void> {
  clearTimeout(timer);
  looking.abort();
  if (document.visibilityState === "hidden") return;
  if (!hasToken()) return show({ connection: "token" });
  looking = new AbortController();
  const { signal } = looking;
  const started = performance.now();
  let came = false;
  try {
    for await (const status of askLines<Status>("status?follow=true", { signal, patienceMs: PATIENCE_MS })) {
      came = true;
      await take(status, signal);
    }
  } catch (error) {
    if (signal.aborted) return;
    const { status, message } = error instanceof ApiError ? error : { status: 0, message: String(error) };
    if (status === 401) return show({ connection: "token", why: message });
    // What answered and broke off is not away yet: the next try tells.
    if (!came || status !== 200) {
      if (seen.connection === "live") announce("The pump does not answer.");
      show({ connection: "away", why: message });
    }
  }
  if (!signal.aborted) timer = setTimeout(look, Math.max(100, EVERY_MS - (performance.now() - started)));
}

async function take(status: Status, signal: AbortSignal): Promise<void> {
  const at = Date.now();
  const isNew = status.startedAt !== seen.status?.startedAt;
  const about = isNew || seen.about === null ? await ask<About>("about", { patienceMs: PATIENCE_MS }) : seen.about;
  if (signal.aborted) return;
  tell(seen, status);
  seen.history.add(at, status);
  show({ connection: "live", why: "", status, about, at });
}

/** Says what a person should not miss. */
function tell({ connection, status: before }: Seen, { startedAt, sinks }: Status): void {
  if (connection === "away")
    announce(before?.startedAt === startedAt ? "The pump answers again." : "The pump was started anew.");
  if (before === null || before.startedAt !== startedAt) return;
  for (const { name, state } of sinks) {
    const old = before.sinks.find((sink) => sink.name === name);
    if (old !== undefined && old.state !== state) announce(`${name} is ${state}.`);
  }
}

document.addEventListener("visibilitychange", () => void look());

export function useWatch(): Seen {
  const [state, setState] = useState(seen);
  useEffect(() => {
    watchers.add(setState);
    setState(seen);
    return () => void watchers.delete(setState);
  }, []);
  return state;
}
