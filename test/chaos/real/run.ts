import type { Outcome } from "../level.ts";
import { Deployment } from "./deployment.ts";
import { type Plan, TEST_SINKS } from "./plan.ts";
import { verdictOn } from "./verdict.ts";

/** What it has beside one Redis and test sinks. */
function place({ redis, sinks }: Plan): string {
  const more = sinks.filter((name) => !TEST_SINKS.some((own) => own === name));
  return [redis, ...more].join(" with ");
}

/** Runs a plan to its end, then all to rest. `only`: with these events alone. */
export async function run(plan: Plan, only: readonly number[] | null): Promise<Outcome> {
  const events = only === null ? plan.events : plan.events.filter((_, i) => only.includes(i));
  const history: string[] = [];
  const began = performance.now();
  const deployment = new Deployment(plan, (line) => {
    history.push(`${((performance.now() - began) / 1000).toFixed(3).padStart(9)}  ${line}`);
  });
  const wrong: string[] = [];
  let repeated = 0;
  try {
    await deployment.start();
    await deployment.happen(events);
    const rest = await deployment.rest();
    await deployment.store.verify();
    if (rest !== null) wrong.push(rest);
    const verdict = await verdictOn(deployment, events);
    wrong.push(...verdict.wrong);
    repeated = verdict.repeated;
  } finally {
    await deployment.end(wrong.length > 0);
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  const faults = events.filter((event) => event.do !== "push").map((event) => event.do);
  return {
    wrong,
    history,
    summary: `${deployment.pusher.given} records, ${plan.instances.length} instances, ${place(plan)}, ${faults.join(", ")}: ${repeated} deliveries repeated, ${seconds} s`,
    records: deployment.pusher.given,
    repeated,
  };
}
