import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Flame, flameOf, heaviest } from "../control/flame.ts";
import type { Profile } from "../control/profile.ts";
import { CommandError, EXIT } from "./errors.ts";
import { flamePage } from "./flame-page.ts";
import { whichPump } from "./instance.ts";
import type { ProfileOptions } from "./look.ts";
import { say } from "./plugin-folder.ts";
import { comparisonReport, profileReport } from "./profile-report.ts";

const HEAVIEST = 10;

/** `sluice profile <sink>`. */
export async function profile(sink: string, options: ProfileOptions): Promise<number> {
  const { client } = whichPump(options);
  tellToWait(options);
  const taken = await client.profile(sink, options.seconds, options.cpu);
  const { flame, note } = readFlame(taken);
  if (note !== null) taken.notes.push(note);
  const files = flame === null ? [] : write(taken, flame, options.out);
  if (options.json) {
    const { cpu, ...figures } = taken;
    const samples = flame &&
      cpu && {
        ...{ actor: cpu.actor, seconds: cpu.seconds, idleUs: flame.idle, kindsUs: flame.kinds },
        heaviest: heaviest(flame.root, HEAVIEST),
      };
    say(JSON.stringify({ ...figures, cpu: samples, files }, null, 2));
  } else {
    for (const line of profileReport(taken, flame, files)) say(line);
  }
  return EXIT.ok;
}

/** `sluice profile --all`. */
export async function profileAll(options: ProfileOptions): Promise<number> {
  const { client } = whichPump(options);
  tellToWait(options);
  const comparison = await client.profileAll(options.seconds);
  if (options.json) say(JSON.stringify(comparison, null, 2));
  else for (const line of comparisonReport(comparison)) say(line);
  return EXIT.ok;
}

function tellToWait({ seconds, json }: ProfileOptions): void {
  if (!json && process.stderr.isTTY) process.stderr.write(`Measuring for ${seconds} s; the pump goes on.\n`);
}

/** A process of its own gives its profile itself, so that it may be anything. */
export function readFlame({ cpu }: Profile): { flame: Flame | null; note: string | null } {
  if (cpu === null) return { flame: null, note: null };
  try {
    return { flame: flameOf(cpu.profile, cpu.host), note: null };
  } catch {
    return { flame: null, note: "No CPU profile: what the actor gave is none." };
  }
}

/** Paths of the files. */
function write(profile: Profile, flame: Flame, folder: string): string[] {
  const { sink, startedAt, cpu } = profile;
  const time = new Date(startedAt).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  const path = join(folder, `${sink.replace(/[^\w-]/g, "_").slice(0, 100)}-${time}`);
  const files = { [`${path}.cpuprofile`]: cpu!.profile, [`${path}.html`]: flamePage(profile, flame) };
  try {
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(file, text);
  } catch (cause) {
    throw new CommandError(`The profile cannot be written to ${resolve(folder)}: name another folder with --out.`, {
      cause,
    });
  }
  return Object.keys(files);
}
