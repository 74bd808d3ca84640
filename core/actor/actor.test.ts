import type { FromThread } from "@sluice/sdk/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Actor, type ActorEvents } from "./actor.ts";
import type { Body, BodyEvents, Home } from "./body.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An actor whose body says what a test wants, and all that the supervisor hears of it. */
function started(): { body: BodyEvents; heard: string[] } {
  const heard: string[] = [];
  let body!: BodyEvents;
  const events: ActorEvents = {
    ready: () => ({ ms: { open: 1000 } }) as ReturnType<ActorEvents["ready"]>,
    opened: () => {},
    message: (message) => void heard.push(message.t),
    fatal: (during) => void heard.push(`fatal ${during}`),
    exit: ({ kind, reason }) => void heard.push(`${kind}: ${reason}`),
  };
  const nothing = {
    post() {},
    send() {},
    forget() {},
    kill() {},
    usage: async () => ({ cpuSeconds: 0, eventLoopUse: 0 }),
  };
  const hello = { sink: "sink", actor: 0 } as ConstructorParameters<typeof Actor>[0];
  new Actor(
    hello,
    { heap: 1, external: 1 },
    events,
    () => {},
    {} as Home,
    (_name, _home, _heap, its) => {
      body = its;
      return { ...nothing, startCpuProfile: () => Promise.reject(new Error("no")) } satisfies Body;
    },
  );
  return { body, heard };
}

const settled: FromThread = {
  ...{ t: "settled", seqs: [1], rejected: [] },
  counts: { written: 1, filtered: 0, skipped: 0, retries: 0 },
};

test("what a thread gave back before it threw counts, though it is heard later; that it found itself at fault does not", () => {
  const { body, heard } = started();
  body.failed({ kind: "crash", reason: "Error: no" });
  body.message(settled);
  body.message({ t: "fatal", during: "write", error: { name: "", code: "", message: "no" } });
  body.message({ t: "release", seqs: [2] });
  body.exited(1);
  expect(heard).toEqual(["settled", "release", "crash: Error: no"]);
});

test("nothing counts of what comes after a message that is none", () => {
  const { body, heard } = started();
  body.message({ t: "settled", seqs: "all" });
  body.message(settled);
  body.exited(1);
  expect(heard).toEqual(["crash: it said what the protocol does not know"]);
});
