import type { Status } from "../../supervisor/status.ts";
import type { Tone } from "./state.tsx";

/** What a person should see to, worst first. */
export interface Notice {
  tone: Extract<Tone, "warn" | "bad">;
  title: string;
  text: string;
  /** Where more is to be seen. */
  sink: string | null;
}

export function noticesOf({ logError, backlog, sinks, uptime }: Status): Notice[] {
  const found: Notice[] = [];
  const add = (tone: Notice["tone"], title: string, text: string, sink: string | null = null) =>
    found.push({ tone, title, text, sink });
  if (logError !== null) add("bad", "The log is out of reach", logError);
  if (backlog.holding !== null) add("bad", "The backlog is above its limit", backlog.holding);
  for (const { name, state, ready, reason, backlog: own } of sinks) {
    if (reason !== null)
      add(ready ? "warn" : "bad", ready ? `${name} has trouble` : `${name} is ${state}`, reason, name);
    if (own.state !== "ok") {
      add(own.state === "dropping" ? "bad" : "warn", `${name} is ${own.state}`, own.reason ?? "", name);
    }
  }
  for (const orphan of backlog.orphans) {
    const text =
      "The log keeps every record for it. The command sluice sinks forget ends that, sluice sinks rename hands it on.";
    add("warn", `No instance configures ${orphan}`, text);
  }
  // What another instance tests now was seen here some time ago.
  for (const { name, state, status } of uptime?.active ? uptime.checks : []) {
    if (state === "down")
      add("warn", `Service ${name} is down`, `Its test fails${status > 0 ? `: it answers ${status}` : ""}.`);
  }
  return found.sort((a, b) => a.tone.localeCompare(b.tone));
}
