import type { RecordInput } from "../record/index.ts";
import type { Kind } from "../record/types.ts";
import type { AnyDefinition } from "../runtime/index.ts";
import type { TSchema } from "../schema/index.ts";
import type { SinkDefinition } from "../sink/definition.ts";
import { Bench } from "./bench.ts";
import { type Check, checksFor } from "./checks.ts";

/** What the far end (a server, a file) can be told to do, for as long as it is so. A state that is left out is not tested. */
export interface FarEnd {
  /** Works again. Needed with any of the others. */
  up?(): void | Promise<void>;
  /** Refuses connections. */
  down?(): void | Promise<void>;
  /** Answers that it is busy (429, 503). */
  throttling?(): void | Promise<void>;
  /** Takes some of the records of a request and refuses others for now. */
  halfFailing?(): void | Promise<void>;
  /** Takes requests and never answers. */
  silent?(): void | Promise<void>;
}

export interface ConformanceOptions {
  /** Of the sink; defaults are added. */
  config: object;
  /**
   * What the far end holds: the `path` (of an uptime record the `url`) of each record that was written, as often as it was written. A sink
   * that keeps no paths gives the `apiId`s, which are the same; one that adds up and keeps neither, how many records it has counted in all.
   * Without it only the sink's own word is heard, and what needs more is not tested.
   */
  readBack?(): readonly string[] | number | Promise<readonly string[] | number>;
  /** What records must have for this sink to take them, as `{ isGraphql: true }`. */
  record?: RecordInput;
  /** Whether a record may be there more than once after it was delivered again; default "allowed". */
  repeats?: "allowed" | "none";
  farEnd?: FarEnd;
  /** Longest that one check may take, ms; default 20,000. */
  patience?: number;
}

/** What a package's `sluice.test` file exports by default: for each of its types what `sluice plugin test` needs. */
export interface ConformanceFile {
  [type: string]: () => Subject | Promise<Subject>;
}

export interface Subject extends ConformanceOptions {
  /** Stops servers and deletes files once the sink has been through. */
  end?(): void | Promise<void>;
}

/** One thing that a sink must stand. */
export interface Promised {
  /** A sentence: "takes records of both wire formats". */
  promise: string;
  outcome: "kept" | "broken" | "not tested";
  /** Why it is broken or was not tested; else empty. */
  why: string;
}

export interface Conformance {
  type: string;
  /** No promise is broken. */
  kept: boolean;
  promises: Promised[];
}

/** A definition of whatever configuration and records. */
export type AnySink = Pick<SinkDefinition<TSchema, Kind>, "type" | "config" | "reads"> & {
  open(context: never): Promise<unknown>;
};

/**
 * Puts a sink through all that a sink must stand, one check after the other, each with a sink opened anew in the real runtime. Never
 * rejects for what the sink does: the report says it.
 */
export async function conformance(definition: AnySink, options: ConformanceOptions): Promise<Conformance> {
  const promises: Promised[] = [];
  const unheard: unknown[] = [];
  const hear = (reason: unknown) => void unheard.push(reason);
  process.on("unhandledRejection", hear);
  try {
    for (const check of checksFor(definition.reads ?? "analytics"))
      promises.push(await run(check, definition as unknown as AnyDefinition, options));
    // Who is to be told of a rejection is told after the turn in which it came.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", hear);
  }
  promises.push({
    promise: "lets no promise be rejected unheard",
    outcome: unheard.length > 0 ? "broken" : "kept",
    why: unheard.length > 0 ? String(unheard[0]) : "",
  });
  return { type: definition.type, kept: promises.every(({ outcome }) => outcome !== "broken"), promises };
}

/** The same with what `file` has for its type. Rejects with what `file` throws. */
export async function conformanceOf(definition: AnySink, file: ConformanceFile): Promise<Conformance> {
  const { type } = definition;
  const subject = await file[type]?.();
  if (!subject) {
    const missing = {
      promise: "says how it is tested",
      outcome: "broken",
      why: `the test file has no ${type}`,
    } as const;
    return { type, kept: false, promises: [missing] };
  }
  try {
    return await conformance(definition, subject);
  } finally {
    await subject.end?.();
  }
}

async function run(check: Check, definition: AnyDefinition, options: ConformanceOptions): Promise<Promised> {
  const { promise } = check;
  const missing = check.needs?.find((state) => !options.farEnd?.[state]);
  if (missing) return { promise, outcome: "not tested", why: `farEnd.${missing} is not given` };
  const bench = new Bench(definition, options);
  try {
    await bench.begin();
    const why = await within(options.patience ?? 20_000, check.run(bench));
    if (typeof why === "string") return { promise, outcome: "not tested", why };
    if (bench.unseen) return { promise, outcome: "not tested", why: "readBack is not given, only the sink says so" };
    return { promise, outcome: "kept", why: "" };
  } catch (error) {
    return { promise, outcome: "broken", why: error instanceof Error ? error.message : String(error) };
  } finally {
    await options.farEnd?.up?.();
    await bench.end();
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it was not done within ${ms / 1000} s`)), ms);
  });
  // Whoever comes late is no longer heard.
  work.catch(() => {});
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const MARKS = { kept: "ok  ", broken: "FAIL", "not tested": "--  " };

/** A report for a person: a line a promise. */
export function formatConformance({ type, kept, promises }: Conformance): string {
  const lines = promises.map(({ promise, outcome, why }) => `${MARKS[outcome]} ${promise}${why ? `: ${why}` : ""}`);
  const count = (outcome: Promised["outcome"]) => promises.filter((one) => one.outcome === outcome).length;
  const sum = `${count("kept")} kept, ${count("broken")} broken, ${count("not tested")} not tested`;
  return `${type}: ${kept ? "keeps its promises" : "does not keep its promises"} (${sum})\n${lines.join("\n")}\n`;
}
