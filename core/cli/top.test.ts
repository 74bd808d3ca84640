import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import type { LetterSummary } from "../control/letters.ts";
import type { SinkStatus, Status } from "../supervisor/status.ts";
import { createWindow, type Span } from "./rates.ts";
import { FIRST, press, sorted, type TopState } from "./top-state.ts";
import { plainTable, type TopView, topLines } from "./top-view.ts";

const ABOUT = { version: "1.2.3", pid: 42, startedAt: 1_700_000_000_000, configuration: "/etc/pump.conf" };
const NO_LETTERS: LetterSummary = { letters: [], more: null, records: 0, bytes: 0, totals: [] };
const SIZE = { columns: 110, rows: 24 };

function spanOf(sinks: SinkStatus[], before: SinkStatus[] = sinks, more: Partial<Status> = {}): Span {
  return { first: fakeStatus(before), last: fakeStatus(sinks, more), seconds: 2 };
}

function viewOf(span: Span, changes: Partial<TopView> = {}): TopView {
  const rest = { letters: null, report: [], message: "", now: 1_700_000_060_000 };
  return { about: ABOUT, span, state: FIRST, ...rest, ...changes };
}

describe("what is drawn", () => {
  const csv = fakeSink("csv", { delivered: 1010, cpuSeconds: 1, deliveredBytes: 1_004_000 });
  const sql = fakeSink("sql", {
    ...{ ready: false, state: "suspended", reason: "wrong password", retries: 3, deadLettered: 2 },
    lag: { chunks: 5, records: 41_200, oldestMs: 200_000 },
  });
  const span = spanOf([sql, csv], [fakeSink("sql"), fakeSink("csv")]);

  test("a line a sink, rates from two snapshots, and why one is not well", () => {
    const lines = topLines(viewOf(span), SIZE);
    expect(lines).toHaveLength(SIZE.rows);
    const text = lines.map((line) => line.trimEnd()).join("\n");
    expect(text).toContain("Sluice 1.2.3  /etc/pump.conf  pid 42  up 1 min 0 s");
    expect(text).toMatch(/^sink\* +state +records\/s +behind +oldest +CPU +bytes\/s/m);
    expect(text).toMatch(/^csv +open +500 +0 +- +25 % +500 kB +1 +0 +0 +1,010$/m);
    expect(text).toMatch(/^sql +suspended +0 +41,200 +3 min 20 s .* +3 +2 +8\n {4}wrong password$/m);
    expect(lines.at(-1)).toContain("q quit");
  });

  test("alarms are above all", () => {
    const troubles = {
      logError: "no route",
      backlog: { ...span.last.backlog, holding: "it is full", orphans: ["old"] },
    };
    const text = topLines(viewOf(spanOf([csv], [csv], troubles)), SIZE).join("\n");
    expect(text).toMatch(/The log is out of reach: no route.*it is full.*nobody configures: old.*^sink\*/ms);
  });

  test("one sink: its actors, what its plugin measures, its letters", () => {
    const letters = {
      ...NO_LETTERS,
      totals: [{ sink: "csv", reason: "it is too long", records: 7, bytes: 70 }],
    };
    const state: TopState = { ...FIRST, screen: "sink", chosen: "csv" };
    const text = topLines(viewOf(span, { state, letters }), { columns: 110, rows: 40 }).join("\n");
    expect(text).toContain("csv (csv): open");
    expect(text).toMatch(/^throughput +500 records\/s, 500 kB\/s$/m);
    expect(text).toMatch(
      /^Actors *\n +actor +state +CPU +at work +heap +buffers *\n +0 +open +0 % +25 % +1\.0 kB +2\.0 kB$/m,
    );
    expect(text).toMatch(/rows {2}7 {2}Rows\./);
    expect(text).toMatch(/7 {2}it is too long/);
    const gone = topLines(viewOf(span, { state: { ...state, chosen: "other" } }), SIZE).join("\n");
    expect(gone).toContain("This sink is gone.");
  });

  test("without a terminal: the same once", () => {
    const lines = plainTable(ABOUT, span);
    expect(lines.at(-3)).toMatch(/^csv +open +500 .* delivered$|^csv +open +500 /);
    expect(lines.join("\n")).toContain("    wrong password");
  });

  test("fits any terminal, and nothing from outside reaches it as it is", () => {
    const evil = fc.string({ unit: fc.constantFrom("\x1b[2J", "\x07", "\n", "\u009b31m", "\u202e", "a", " ", "界") });
    const sinks = fc.uniqueArray(fc.record({ name: evil, reason: fc.option(evil), type: evil, metric: evil }), {
      maxLength: 20,
      selector: ({ name }) => name,
    });
    const size = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) });
    const screen = fc.constantFrom("sinks" as const, "sink" as const, "profile" as const);
    fc.assert(
      fc.property(sinks, size, screen, fc.nat(30), evil, (drawn, size, screen, scroll, text) => {
        const all = drawn.map(({ name, reason, type, metric }) =>
          fakeSink(name, {
            reason,
            type,
            metrics: [{ name: metric, help: text, kind: "gauge", value: 0.5, count: 0 }],
          }),
        );
        const state: TopState = { ...FIRST, screen, chosen: drawn.at(-1)?.name ?? null, scroll };
        const letters = { ...NO_LETTERS, totals: [{ sink: "", reason: text, records: 1, bytes: 1 }] };
        const span = spanOf(all, all, { logError: text });
        const view = viewOf(span, { state, letters, message: text, about: { ...ABOUT, configuration: text } });
        const lines = topLines(view, size);
        expect(lines.length).toBe(size.rows);
        for (const line of lines) {
          expect(line.length).toBeLessThanOrEqual(size.columns);
          expect(line).not.toMatch(/\p{C}/u);
        }
      }),
    );
  });

  test("the chosen sink is on the screen, however many there are", () => {
    const sinks = Array.from({ length: 200 }, (_, i) => fakeSink(`sink-${String(i).padStart(3, "0")}`));
    let state = FIRST;
    const span = spanOf(sinks);
    for (let i = 0; i < 150; i++) state = press(state, "down", span).state;
    expect(topLines(viewOf(span, { state }), SIZE).join("\n")).toContain("sink-150");
  });
});

describe("keys", () => {
  const slow = fakeSink("slow", { lag: { chunks: 1, records: 9, oldestMs: 1 } });
  const span = spanOf([fakeSink("csv"), slow, fakeSink("sql", { state: "suspended", ready: false })]);
  const pressed = (keys: readonly string[], from = FIRST) =>
    keys.reduce(({ state }, key) => press(state, key, span), press(from, "none", span));

  test("move, within the sinks there are", () => {
    expect(pressed(["down"]).state.chosen).toBe("slow");
    expect(pressed(["down", "down", "down", "down", "up"]).state.chosen).toBe("slow");
    expect(pressed(["up"]).state.chosen).toBe("csv");
    expect(pressed(["pagedown"]).state.chosen).toBe("sql");
  });

  test("ask for what they say, of the chosen sink", () => {
    expect(pressed(["u"]).action).toEqual({ do: "suspend", sink: "csv" });
    expect(pressed(["down", "r"]).action).toEqual({ do: "resume", sink: "slow" });
    expect(pressed(["down", "p"]).action).toEqual({ do: "profile", sink: "slow" });
    expect(pressed(["q"]).action).toEqual({ do: "quit" });
    const into = pressed(["down", "return"]);
    expect(into).toEqual({ state: { ...FIRST, screen: "sink", chosen: "slow" }, action: { do: "look", sink: "slow" } });
    expect(pressed(["down", "return", "down"]).state).toMatchObject({ chosen: "slow", scroll: 1 });
    expect(pressed(["down", "return", "q"])).toEqual({ state: { ...FIRST, chosen: "slow" }, action: null });
    expect(pressed(["x"]).action).toBeNull();
  });

  test("sort, and the choice stays with its sink", () => {
    const { state } = pressed(["down", "down", "s", "s"]);
    expect(state).toMatchObject({ sort: "lag", chosen: "sql" });
    expect(sorted(span, "lag").map(({ name }) => name)).toEqual(["slow", "csv", "sql"]);
    expect(sorted(span, "state").map(({ name }) => name)).toEqual(["sql", "csv", "slow"]);
    expect(pressed(["s", "s", "s", "s", "s"]).state.sort).toBe("name");
  });

  test("do nothing harmful where there is no sink", () => {
    const none = spanOf([]);
    for (const key of ["up", "down", "return", "p", "u", "r", "s", "pagedown"]) {
      expect(press(FIRST, key, none).action).toBeNull();
    }
  });
});

test("a window is the last three seconds", () => {
  const window = createWindow();
  const at = (delivered: number, now: number) => window(fakeStatus([fakeSink("csv", { delivered })]), now);
  at(0, 0);
  at(100, 1000);
  expect(at(200, 2000)).toMatchObject({ seconds: 2 });
  at(300, 3000);
  at(400, 4000);
  expect(at(500, 5000).seconds).toBe(3);
});
