import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import type { Control, Tapped } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import { createFollow } from "./follow.ts";
import type { Letter } from "./letters.ts";
import type { Comparison, Profile } from "./profile.ts";

export const FAKE_LETTER: Letter = {
  id: "analytics-tyk-system-analytics/1700000000000-0",
  sink: "csv",
  list: "analytics-tyk-system-analytics",
  chunk: "1-0.x",
  index: 3,
  reason: "it is too long",
  at: 1_700_000_000_000,
  bytes: 40,
};

/** Tests do not wait for seconds. */
const FOLLOW_MS = 20;

/** For tests: does nothing, and notes what it was asked. */
export function fakeControl(change: Partial<Control> = {}): { control: Control; asked: unknown[][] } {
  const asked: unknown[][] = [];
  const note = (...what: unknown[]) => void asked.push(what);
  const known = (sink: string) => {
    if (sink !== "csv") throw new ControlError(CONTROL_ERROR_CODES.noSink, `There is no sink ${sink}. There are: csv.`);
  };
  const control: Control = {
    about: () => ({ version: "1.2.3", pid: 42, startedAt: 1_700_000_000_000, configuration: "/etc/pump.conf" }),
    status: () => fakeStatus([fakeSink("csv")]),
    follow: createFollow(() => control.status(), FOLLOW_MS),
    async suspend(sink) {
      note("suspend", sink);
      known(sink);
    },
    async resume(sink) {
      note("resume", sink);
      known(sink);
    },
    async reload() {
      throw new ControlError(CONTROL_ERROR_CODES.invalid, "The configuration is invalid.", { problems: ["here"] });
    },
    stop: () => note("stop"),
    async profile(sink, seconds, cpu) {
      note("profile", sink, seconds, cpu);
      return { sink } as Profile;
    },
    async profileAll(seconds) {
      note("profileAll", seconds);
      return { sinks: [] as Profile[] } as Comparison;
    },
    async *tap(sink, records) {
      note("tap", sink, records);
      known(sink);
      for (let index = 0; index < records; index++) {
        if (index === 5) throw new Error("secret of the fifth");
        yield { chunk: "1-0.x", index, taken: index !== 1, record: { api_id: "a" } } satisfies Tapped;
      }
    },
    letters: {
      async list(filter) {
        note("list", filter);
        return { letters: [FAKE_LETTER], more: null, totals: [], records: 1, bytes: 40 };
      },
      async show(id, redact) {
        note("show", id, redact);
        return { ...FAKE_LETTER, id, record: null, raw: "" };
      },
      async replay(filter) {
        note("replay", filter);
        return { records: 1, skipped: [] };
      },
      async drop(filter) {
        note("drop", filter);
        return 2;
      },
    },
    ...change,
  };
  return { control, asked };
}
