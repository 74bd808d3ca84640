import { setTimeout as sleep } from "node:timers/promises";
import type { TestRedis } from "../../support/redis.ts";

/** Kills a server, and starts it again after `ms`. One that is away already is not killed, or there would be two of it after that. */
export function outages({ kill, restart }: Pick<TestRedis, "kill" | "restart">): (ms: number) => Promise<void> {
  let away = false;
  return async (ms) => {
    if (away) return;
    away = true;
    await kill("SIGKILL");
    await sleep(ms);
    await restart();
    away = false;
  };
}
