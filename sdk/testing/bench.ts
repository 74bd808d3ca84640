import type { AnyDefinition } from "../runtime/index.ts";
import type { TestRecord } from "./chunk.ts";
import type { ConformanceOptions } from "./conformance.ts";
import { type OpenOptions, OpenSink } from "./sink.ts";

/** Real time between two steps of the sink's clock, ms. */
const STEP_MS = 5;
/** A deadline must not pass while the clock is moved on to bring retries, lingering batches and gathers. */
const PATIENT: OpenOptions["limits"] = { ms: { write: 3_600_000, flush: 3_600_000, add: 3_600_000, open: 3_600_000 } };

let runs = 0;

/** What a check works with: sinks opened on one configuration, records that can be told apart, and what the far end holds of them. */
export class Bench {
  readonly options: ConformanceOptions;
  readonly #definition: AnyDefinition;
  readonly #run = `c${process.pid}-${Date.now().toString(36)}-${++runs}`;
  readonly #sinks: OpenSink[] = [];
  #records = 0;
  #chunks = 0;

  constructor(definition: AnyDefinition, options: ConformanceOptions) {
    this.#definition = definition;
    this.options = options;
  }

  get schema(): { properties?: { [key: string]: { secret?: boolean; description?: string } } } {
    return this.#definition.config as Bench["schema"];
  }

  async open(more: OpenOptions = {}): Promise<OpenSink> {
    const sink = this.start(more);
    await this.until(sink, sink.opened());
    return sink;
  }

  start(more: OpenOptions = {}): OpenSink {
    const limits = { ...PATIENT, ...more.limits, ms: { ...PATIENT?.ms, ...more.limits?.ms } };
    const sink = new OpenSink(this.#definition, this.options.config, { ...more, limits });
    this.#sinks.push(sink);
    return sink;
  }

  /** So many records that nobody else wrote, each with a path of its own. */
  records(count: number, more: object = {}): { paths: string[]; records: TestRecord[] } {
    const paths = Array.from({ length: count }, () => `/${this.#run}/${this.#records++}`);
    const now = Date.now();
    const records = paths.map((path) => ({
      path,
      rawPath: path,
      apiId: path,
      orgId: this.#run,
      method: "GET",
      responseCode: 200,
      timestamp: now,
      ...more,
    }));
    return { paths, records: records as TestRecord[] };
  }

  chunk(): string {
    return `${this.#run}-chunk-${++this.#chunks}`;
  }

  /** Waits for `work`, moving the sink's clock on meanwhile: what is tried again, lingers or gathers comes due. */
  async until(sink: OpenSink, work: Promise<void>): Promise<void> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => {});
    while (!done) {
      await sink.clock.advance(250);
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    return ended;
  }

  settled(sink: OpenSink): Promise<void> {
    return this.until(sink, sink.settled());
  }

  /** How often each record of this check is there. */
  async found(): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const path of await this.options.readBack()) {
      if (path.startsWith(`/${this.#run}/`)) found.set(path, (found.get(path) ?? 0) + 1);
    }
    return found;
  }

  /** Each of these paths is there: once, or at least once where repeats are allowed and the records came twice. Nothing else is. */
  async expect(paths: readonly string[], { repeated = false, without = [] as readonly string[] } = {}): Promise<void> {
    const found = await this.found();
    const left = new Set(without);
    const wanted = paths.filter((path) => !left.has(path));
    const missing = wanted.filter((path) => !found.has(path));
    if (missing.length > 0)
      throw new Error(`${missing.length} of ${wanted.length} records are not there, first ${missing[0]}`);
    const known = new Set(wanted);
    const strange = [...found.keys()].filter((path) => !known.has(path));
    if (strange.length > 0)
      throw new Error(`${strange.length} records are there that were not to be written, first ${strange[0]}`);
    if (repeated && this.options.repeats !== "none") return;
    const twice = wanted.filter((path) => found.get(path)! > 1);
    if (twice.length > 0) throw new Error(`${twice.length} records are there more than once, first ${twice[0]}`);
  }

  /** Closes what a check left open. */
  async end(): Promise<void> {
    for (const sink of this.#sinks)
      await Promise.race([sink.close(), new Promise((resolve) => setTimeout(resolve, 500))]).catch(() => {});
  }
}
