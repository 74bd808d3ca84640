import { existsSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { creditFor, limitsFor } from "../../../core/actor/limits.ts";
import { keysOf } from "../../../core/log/keys.ts";
import { LIST, numberOf } from "../../support/gateway.ts";
import { CHUNK, type Deployment } from "./deployment.ts";
import type { Event } from "./plan.ts";

const READY = { t: "ready", api: 1, reads: "analytics", gather: null, single: false, decodes: true } as const;

/** What one fault may repeat of one sink: all that one instance holds of it. */
function credit(actors: number): number {
  const limits = limitsFor({ ...READY, batch: { records: 2 * CHUNK }, concurrency: 1 }, 0);
  return creditFor(limits, "writer").chunks * actors * CHUNK;
}

/** What every sink has against what was pushed. */
export async function verdictOn(
  deployment: Deployment,
  events: readonly Event[],
): Promise<{ wrong: string[]; repeated: number }> {
  const { plan, pushed } = deployment;
  const letters = await lettersOf(deployment);
  const wrong: string[] = [];
  let repeated = 0;
  const faults = events.filter((event) => event.do !== "push").length + deployment.replaced;
  const identities = new Map<string, string>();
  for (const sink of ["chaotic", "good"] as const) {
    const times = new Uint32Array(pushed);
    for (const { id, n } of noted(deployment.file(sink))) {
      if (!(n >= 0 && n < pushed)) wrong.push(`${sink} has ${n}, which nobody pushed`);
      else times[n]!++;
      const named = identities.get(id) ?? String(n);
      if (named !== String(n)) wrong.push(`${id} names ${named} and ${n}`);
      identities.set(id, named);
    }
    const poison = new Set(sink === "chaotic" ? plan.poison : []);
    const dead = letters.get(sink) ?? new Set();
    const missing = [...times.keys()].filter((n) => times[n] === 0 && !dead.has(n));
    if (missing.length > 0) wrong.push(`${sink} lacks ${missing.length}: ${missing.slice(0, 12).join(", ")}`);
    const innocent = [...dead].filter((n) => !poison.has(n));
    if (innocent.length > 0)
      wrong.push(`${innocent.slice(0, 12)} are dead letters of ${sink}, and nothing is wrong with them`);
    const again = times.reduce((sum, n) => sum + Math.max(0, n - 1), 0);
    repeated += again;
    // A destination that writes and says it did not makes repeats of its own.
    const bound = faults * credit(plan.actors) + noted(`${deployment.file(sink)}.unsure`).length;
    if (again > bound) wrong.push(`${sink} has ${again} repeats; ${faults} faults explain ${bound}`);
  }
  wrong.push(...totals(deployment));
  return { wrong, repeated };
}

/** The aggregate: exact, whatever happened. */
function totals(deployment: Deployment): string[] {
  const db = new DatabaseSync(deployment.file("exact"), { readOnly: true });
  const rows = db.prepare("SELECT api, n FROM hits ORDER BY api").all() as { api: string; n: number }[];
  db.close();
  const wrong: string[] = [];
  for (let i = 0; i < 7; i++) {
    const expected = Math.floor(deployment.pushed / 7) + (i < deployment.pushed % 7 ? 1 : 0);
    const counted = rows.find(({ api }) => api === `api${i}`)?.n ?? 0;
    if (counted !== expected) wrong.push(`exact counts ${counted} of api${i}, not ${expected}`);
  }
  return wrong;
}

async function lettersOf({ redis }: Deployment): Promise<Map<string, Set<number>>> {
  const found = new Map<string, Set<number>>();
  const entries = (await redis.client.xrangeBuffer(keysOf(LIST).dead, "-", "+")) as [Buffer, Buffer[]][];
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
