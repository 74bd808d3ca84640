import { setTimeout as sleep } from "node:timers/promises";
import type { Wire } from "@sluice/sdk";
import type { Compute } from "../compute/pool.ts";
import type { SinkConfig } from "../config/config.ts";
import { kindOf } from "../log/keys.ts";
import type { HomeList, Peeked } from "../log/log.ts";
import type { Tapped } from "./control.ts";
import { dryRun } from "./dry-run.ts";

/** How long new records are waited for, and how often they are looked for, ms. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 250;

export interface TapParts {
  lists: readonly HomeList[];
  compute: Pick<Compute, "decode">;
}

type Sends = Pick<Tapped, "sends" | "failed">;

/**
 * Records as a sink gets them, after its filters and preparation: those that wait for it, else what comes in the next ten
 * seconds. Takes, claims and removes nothing, so that it is a sample: what comes and goes between two looks is not seen.
 */
export async function* tapOf(sink: SinkConfig, records: number, { lists, compute }: TapParts): AsyncGenerator<Tapped> {
  const { reads, name, prepare } = sink;
  const read = lists.filter(({ wire }) => kindOf(wire) === reads);
  const until = performance.now() + PATIENCE_MS;
  const seen = new Set<string>();
  for (;;) {
    for (const list of read) {
      const missing = records - seen.size;
      // Live records have no chunk yet, and come again when they do.
      const placeOf = ({ chunk, index }: Pick<Tapped, "chunk" | "index">) => `${list.name} ${chunk} ${index}`;
      const fresh = (await list.peek(name, records)).filter((one) => !seen.has(placeOf(one))).slice(0, missing);
      if (fresh.length === 0) continue;
      const raws = fresh.map(({ raw }) => raw);
      const decoded = await compute.decode({ wire: list.wire, records: raws, prepare, redact: false });
      const sends = await previewOf(
        sink,
        list.wire,
        fresh.filter((_, i) => decoded[i]!.taken),
      );
      for (const [i, { chunk, index }] of fresh.entries()) {
        seen.add(placeOf({ chunk, index }));
        const { taken, record } = decoded[i]!;
        yield { chunk, index, taken, record, ...(taken && sends.shift()) };
      }
      if (seen.size >= records) return;
    }
    if (performance.now() > until) return;
    await sleep(LOOK_MS);
  }
}

/** What the sink would send for each of these, as its plugin says: this thread runs none of its code. */
async function previewOf(sink: SinkConfig, wire: Wire, peeked: readonly Peeked[]): Promise<Sends[]> {
  if (peeked.length === 0) return [];
  const records = peeked.map(({ chunk, index, raw }) => ({ chunk, index, raw: Buffer.from(raw).toString("base64") }));
  const answer = await dryRun(sink, { wire, records });
  const { error } = answer;
  if (error !== null) return peeked.map(() => ({ failed: error.message }));
  const texts = answer.t === "previewed" ? answer.texts : null;
  return peeked.map((_, i) => (texts === null ? {} : { sends: texts[i] ?? null }));
}
