import { setTimeout as sleep } from "node:timers/promises";
import type { Status } from "../supervisor/status.ts";

const EVERY_MS = 1000;

/**
 * A snapshot now, and then one each second, for as long as it is asked for. All who follow get the same one, made when
 * the second is full; who is slow misses some.
 */
export function createFollow(status: () => Status, everyMs = EVERY_MS): () => AsyncGenerator<Status, never> {
  let coming: Promise<Status> | null = null;
  const next = () => {
    coming ??= sleep(everyMs - (performance.now() % everyMs), undefined, { ref: false }).then(() => {
      coming = null;
      return status();
    });
    return coming;
  };
  return async function* () {
    yield status();
    for (;;) yield await next();
  };
}
