import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { keysOf } from "../../../core/log/keys.ts";
import { LIST, numberOf } from "../../support/gateway.ts";
import { CHUNK, creditOf } from "./credit.ts";
import type { Deployment } from "./deployment.ts";
import type { Event } from "./plan.ts";
import type { Found } from "./plugin.ts";

/** What every sink has against what was pushed. */
export async function verdictOn(deployment: Deployment, events: readonly Event[]): Promise<Found> {
  const { plan, pusher } = deployment;
  const { given, doubtful } = pusher;
  const letters = await lettersOf(deployment);
  const wrong: string[] = [];
  let repeated = 0;
  const faults = events.reduce((sum, event) => sum + weight(event, plan.instances.length), 0) + deployment.replaced;
  const credit = creditOf({ records: 2 * CHUNK }, 1) * plan.actors;
  // A claim that only the dead master knew of is made again, under another name.
  const renamed = events.some((event) => event.do === "failover" && event.killed) ? credit : 0;
  const identities = new Map<string, string>();
  for (const sink of ["chaotic", "good"] as const) {
    const times = new Uint32Array(given);
    for (const { id, n } of noted(deployment.file(sink))) {
      if (!(n >= 0 && n < given)) wrong.push(`${sink} has ${n}, which nobody pushed`);
      else times[n]!++;
      const named = identities.get(id) ?? String(n);
      if (named !== String(n)) wrong.push(`${id} names ${named} and ${n}`);
      identities.set(id, named);
    }
    const poison = new Set(sink === "chaotic" ? plan.poison : []);
    const dead = letters.get(sink) ?? new Set();
    const missing = [...times.keys()].filter((n) => times[n] === 0 && !dead.has(n) && !doubtful.has(n));
    if (missing.length > 0) wrong.push(`${sink} lacks ${missing.length}: ${missing.slice(0, 12).join(", ")}`);
    const innocent = [...dead].filter((n) => !poison.has(n));
    if (innocent.length > 0)
      wrong.push(`${innocent.slice(0, 12)} are dead letters of ${sink}, and nothing is wrong with them`);
    const again = times.reduce((sum, n) => sum + Math.max(0, n - 1), 0);
    repeated += again;
    // A destination that writes and says it did not makes repeats of its own.
    const bound = faults * credit + renamed + noted(`${deployment.file(sink)}.unsure`).length;
    if (again > bound) wrong.push(`${sink} has ${again} repeats; ${faults} faults explain ${bound}`);
  }
  wrong.push(...totals(deployment, renamed));
  for (const plugin of deployment.plugins) {
    const found = await plugin.verdict(pusher, { faults, renamed });
    wrong.push(...found.wrong);
    repeated += found.repeated;
  }
  return { wrong, repeated };
}

/** How many instances may give again what they have in hand. */
function weight(event: Event, instances: number): number {
  if (event.do === "push") return 0;
  // A reload is two; what Redis does, it does to all.
  return event.do === "reload" ? 2 : "instance" in event || event.do === "far end" ? 1 : instances;
}

/** The aggregate: exact, whatever happened. */
function totals(deployment: Deployment, renamed: number): string[] {
  const db = new DatabaseSync(deployment.file("exact"), { readOnly: true });
  const rows = db.prepare("SELECT api, n FROM hits ORDER BY api").all() as { api: string; n: number }[];
  db.close();
  const counts = (numbers: Iterable<number>) => {
    const counted = new Uint32Array(APIS);
    for (const n of numbers) counted[n % APIS]!++;
    return counted;
  };
  const { pusher } = deployment;
  const [least, doubtful] = [counts(pusher.kept()), counts(pusher.doubtful)];
  return Array.from(least).flatMap((expected, i) => {
    const counted = rows.find(({ api }) => api === `api${i}`)?.n ?? 0;
    const most = expected + doubtful[i]! + renamed;
    return counted >= expected && counted <= most
      ? []
      : [`exact counts ${counted} of api${i}, not ${expected} to ${most}`];
  });
}

/** Records are of so many, in turn. */
const APIS = 7;

async function lettersOf({ store }: Deployment): Promise<Map<string, Set<number>>> {
  const found = new Map<string, Set<number>>();
  const entries = (await store.client.xrangeBuffer(keysOf(LIST).dead, "-", "+")) as [Buffer, Buffer[]][];
  for (const [, fields] of entries) {
    const field = (name: string) => fields[fields.findIndex((value, i) => i % 2 === 0 && String(value) === name) + 1]!;
    const sink = String(field("sink"));
    if (!found.has(sink)) found.set(sink, new Set());
    found.get(sink)!.add(numberOf(field("raw")));
  }
  return found;
}

function noted(file: string): { id: string; n: number }[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => {
    const [id, path] = line.split(" ") as [string, string];
    return { id, n: Number(path.slice("/items/".length)) };
  });
}
