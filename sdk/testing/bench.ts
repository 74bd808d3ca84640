import type { Kind } from "../record/types.ts";
import type { AnyDefinition } from "../runtime/index.ts";
import type { CloseReason } from "../sink/definition.ts";
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
  /** Far ends that list: how often each record of this check was there, also in a sink that is closed by now. */
  readonly #found = new Map<string, number>();
  /** Far ends that add up: what they had counted before. */
  #before = 0;
  /** Whether something could not be compared, for nobody tells what the far end holds. */
  unseen = false;
  #records = 0;
  #chunks = 0;

  constructor(definition: AnyDefinition, options: ConformanceOptions) {
    this.#definition = definition;
    this.options = options;
  }

  get reads(): Kind {
    return this.#definition.reads ?? "analytics";
  }

  /** Two of it cannot stand side by side. */
  get single(): boolean {
    return this.#definition.single ?? false;
  }

  get schema(): { properties?: { [key: string]: { secret?: boolean; description?: string } } } {
    return this.#definition.config as Bench["schema"];
  }

  /** Before the check. */
  async begin(): Promise<void> {
    const held = await this.options.readBack?.();
    if (typeof held === "number") this.#before = held;
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

  /** So many records that nobody else wrote, each with a path (or URL) of its own. */
  records(count: number, more: object = {}): { paths: string[]; records: TestRecord[] } {
    const paths = Array.from({ length: count }, () => `/${this.#run}/${this.#records++}`);
    const now = Date.now();
    const records = paths.map((path) => ({
      path,
      rawPath: path,
      url: path,
      apiId: path,
      orgId: this.#run,
      method: "GET",
      responseCode: 200,
      requestTime: 5,
      timestamp: now,
      ...this.options.record,
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

  async kill(sink: OpenSink): Promise<void> {
    await this.#look(sink);
    await this.until(sink, sink.kill());
  }

  async reload(sink: OpenSink): Promise<void> {
    await this.#look(sink);
    await this.until(sink, sink.reload());
  }

  async close(sink: OpenSink, reason: CloseReason = "stop"): Promise<void> {
    await this.#look(sink);
    await sink.close(reason);
  }

  /** How many of these records are there. */
  async count(paths: readonly string[]): Promise<number> {
    const found = await this.#read();
    if (found === null) return paths.length;
    return typeof found === "number" ? found : paths.filter((path) => found.has(path)).length;
  }

  /** Each of these paths is there: once, or at least once where repeats are allowed and the records came twice. Nothing else is. */
  async expect(paths: readonly string[], { repeated = false } = {}): Promise<void> {
    const found = await this.#read();
    const exact = !repeated || this.options.repeats === "none";
    if (typeof found === "number") expectCount(found, paths.length, exact);
    else if (found !== null) expectPaths(found, paths, exact);
  }

  /** A sink that stands alone may be its own far end: what it shows is gone with it. */
  async #look(sink: OpenSink): Promise<void> {
    if (this.single && sink.isOpen) await this.#read();
  }

  /** How often each record of this check is there, or how many are; null where nobody can look. */
  async #read(): Promise<Map<string, number> | number | null> {
    const { readBack } = this.options;
    this.unseen = !readBack;
    if (!readBack) return null;
    const held = await readBack();
    if (typeof held === "number") return held - this.#before;
    const now = new Map<string, number>();
    for (const path of held) {
      if (path.startsWith(`/${this.#run}/`)) now.set(path, (now.get(path) ?? 0) + 1);
    }
    for (const [path, times] of now) this.#found.set(path, Math.max(times, this.#found.get(path) ?? 0));
    return this.#found;
  }

  /** Closes what a check left open. */
  async end(): Promise<void> {
    for (const sink of this.#sinks)
      await Promise.race([sink.close(), new Promise((resolve) => setTimeout(resolve, 500))]).catch(() => {});
  }
}

function expectCount(found: number, wanted: number, exact: boolean): void {
  if (found < wanted) throw new Error(`${wanted - found} of ${wanted} records are not counted`);
  if (exact && found > wanted) throw new Error(`${found} records are counted in place of ${wanted}`);
}

function expectPaths(found: ReadonlyMap<string, number>, wanted: readonly string[], exact: boolean): void {
  const missing = wanted.filter((path) => !found.has(path));
  if (missing.length > 0)
    throw new Error(`${missing.length} of ${wanted.length} records are not there, first ${missing[0]}`);
  const known = new Set(wanted);
  const strange = [...found.keys()].filter((path) => !known.has(path));
  if (strange.length > 0)
    throw new Error(`${strange.length} records are there that were not to be written, first ${strange[0]}`);
  const twice = exact ? wanted.filter((path) => found.get(path)! > 1) : [];
  if (twice.length > 0) throw new Error(`${twice.length} records are there more than once, first ${twice[0]}`);
}
