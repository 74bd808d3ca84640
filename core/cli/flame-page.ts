import { readFileSync } from "node:fs";
import { type Flame, heaviest } from "../control/flame.ts";
import type { Profile } from "../control/profile.ts";

const TEMPLATE = new URL("./flame.html", import.meta.url);
const HEAVIEST = 25;

/** A page that shows a flame graph, whole in itself: it loads nothing. */
export function flamePage(profile: Profile, { root, idle, kinds }: Flame): string {
  const { sink, plugin, startedAt, limit, cpu } = profile;
  const data = {
    title: `${sink}: where its CPU time goes`,
    limit: limit.why,
    when: `${plugin}, actor ${cpu?.actor ?? 0}, ${new Date(startedAt).toISOString()}, ${(cpu?.seconds ?? 0).toFixed(1)} s`,
    ...{ kinds, idle, root, heavy: heaviest(root, HEAVIEST) },
  };
  // A function's name is the plugin's: it must not end the script.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  return readFileSync(TEMPLATE, "utf8").replace(`"DATA"`, () => json);
}
