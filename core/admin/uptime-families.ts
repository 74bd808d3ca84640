import type { Status, UptimeStatus } from "../supervisor/status.ts";
import type { Family } from "./families.ts";

type Check = UptimeStatus["checks"][number];

const one = (value: (uptime: UptimeStatus) => number) => (status: Status) =>
  status.uptime ? [{ labels: {}, value: value(status.uptime) }] : [];

/** Of those whose state is known. */
const each = (value: (check: Check) => number) => (status: Status) =>
  (status.uptime?.checks ?? [])
    .filter(({ state }) => state !== "unknown")
    .map((check) => ({ labels: { check: check.name }, value: value(check) }));

/** Tests of services; none of these where none are configured. */
export const UPTIME_FAMILIES: readonly Family[] = [
  {
    name: "sluice_uptime_active",
    help: "1 while this instance tests the services, 0 while another does.",
    type: "gauge",
    samples: one(({ active }) => (active ? 1 : 0)),
  },
  {
    name: "sluice_uptime_up",
    help: "1 while the service is up, 0 while it is down; absent until that is known.",
    type: "gauge",
    samples: each(({ state }) => (state === "up" ? 1 : 0)),
  },
  {
    name: "sluice_uptime_changed_time_seconds",
    help: "Since when it has been so, seconds since 1970.",
    type: "gauge",
    samples: each(({ since }) => since / 1000),
  },
  {
    name: "sluice_uptime_duration_seconds",
    help: "What its last check took.",
    type: "gauge",
    samples: each(({ ms }) => ms / 1000),
  },
  {
    name: "sluice_uptime_results_total",
    help: "Checks by outcome: ok, or the kind of failure.",
    type: "counter",
    samples: (status) =>
      (status.uptime?.checks ?? []).flatMap(({ name, results }) =>
        Object.entries(results).map(([outcome, value]) => ({ labels: { check: name, outcome }, value })),
      ),
  },
  {
    name: "sluice_uptime_running",
    help: "Checks under way.",
    type: "gauge",
    samples: one(({ running }) => running),
  },
  {
    name: "sluice_uptime_skipped_total",
    help: "Checks left out because their previous run was not finished.",
    type: "counter",
    samples: one(({ skipped }) => skipped),
  },
  {
    name: "sluice_uptime_dropped_reports_total",
    help: "Results that the log did not take.",
    type: "counter",
    samples: one(({ dropped }) => dropped),
  },
];
