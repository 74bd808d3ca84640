import { describeError } from "../logging/describe-error.ts";
import type { Exit } from "./actor.ts";
import type { Body, BodyEvents, Home } from "./body.ts";

/** No record is at fault, and what the system lacks it may have again in a moment: it is tried again as others that ended. */
export function unstarted(isolation: Home["isolation"], error: unknown): Exit {
  const what = isolation === "process" ? "process" : "thread";
  return { kind: "killed", reason: `its ${what} could not be started: ${describeError(error)}` };
}

/** In place of one that could not be started: ends when it is known why, and never before it is returned. */
export function unstartedBody(isolation: Home["isolation"], why: Promise<unknown>, events: BodyEvents): Body {
  void why.then((error) => {
    events.failed(unstarted(isolation, error));
    events.exited(null);
  });
  const refuse = async () => {
    throw await why;
  };
  return { post() {}, send() {}, forget() {}, kill() {}, usage: refuse, startCpuProfile: refuse };
}
