/** Times are ms since the start of the run. */
export interface Excuse {
  /** Null: all. */
  sink: string | null;
  instance: string | null;
  from: number;
  to: number;
}

interface Life {
  delivered: { at: number; instance: string }[];
  acknowledged: number[];
  letters: string[];
  /** Repeats that are allowed to this record alone. */
  excused: number;
}

/**
 * What was pushed, and what became of it: the model that every sink is held against. A record may come to a sink again only if some
 * fault struck between its delivery and its acknowledgement, and once for each such fault.
 */
export class Ledger {
  readonly #pushed = new Map<number, number>();
  /** Redis forgot them: they may come, or not. */
  readonly #forgotten = new Set<number>();
  readonly #lives = new Map<string, Map<number, Life>>();
  readonly #identities = new Map<string, number>();
  readonly #sinks = new Map<string, { poison: ReadonlySet<number>; exact: boolean }>();
  /** How often Redis forgot under which name a record was claimed: it comes again under another, and nobody can know. */
  readonly #renamed = new Map<number, number>();
  readonly #excuses: Excuse[] = [];
  readonly #wrong: string[] = [];

  /** `exact`: it counts each record once, whatever happens. */
  addSink(name: string, { poison, exact }: { poison: ReadonlySet<number>; exact: boolean }): void {
    this.#lives.set(name, new Map());
    this.#sinks.set(name, { poison, exact });
  }

  get records(): number {
    return this.#pushed.size;
  }

  pushed(n: number, at: number): void {
    this.#pushed.set(n, at);
  }

  /** Redis lost all that was pushed since then and is not among the known. */
  forgottenSince(since: number, known: ReadonlySet<number>): void {
    for (const [n, at] of this.#pushed) if (at >= since && !known.has(n)) this.#forgotten.add(n);
  }

  renamed(n: number): void {
    this.#renamed.set(n, (this.#renamed.get(n) ?? 0) + 1);
  }

  delivered(sink: string, n: number, id: string, at: number, instance: string): void {
    const named = this.#identities.get(id);
    if (named !== undefined && named !== n) this.fault(`${id} named record ${named}, and now ${n}`);
    this.#identities.set(id, n);
    this.#life(sink, n).delivered.push({ at, instance });
  }

  /** Delivered, and not acknowledged since. */
  begun(sink: string, n: number): boolean {
    const { delivered, acknowledged } = this.#lives.get(sink)!.get(n) ?? NOTHING;
    const last = delivered.at(-1);
    return last !== undefined && last.at > (acknowledged.at(-1) ?? Number.NEGATIVE_INFINITY);
  }

  acknowledged(sink: string, n: number, at: number): void {
    this.#life(sink, n).acknowledged.push(at);
  }

  letter(sink: string, n: number, reason: string): void {
    this.#life(sink, n).letters.push(reason);
  }

  excuse(excuse: Excuse): void {
    this.#excuses.push(excuse);
  }

  /** Whether some fault strikes this sink just then. */
  excused(sink: string, at: number): boolean {
    return this.#excuses.some((it) => (it.sink === null || it.sink === sink) && it.from <= at && at <= it.to);
  }

  /** This record alone may come once more. */
  excuseRecord(sink: string, n: number): void {
    this.#life(sink, n).excused++;
  }

  /** Something that must never be. */
  fault(what: string): void {
    this.#wrong.push(what);
  }

  /** Deliveries beyond the first of each record and sink. */
  get repeated(): number {
    const lives = [...this.#lives.values()].flatMap((each) => [...each.values()]);
    return lives.reduce((sum, { delivered }) => sum + Math.max(0, delivered.length - 1), 0);
  }

  /** What is not as it must be once all is at rest; nothing, if all is. */
  verdict(): string[] {
    return [...this.#wrong, ...[...this.#lives.keys()].flatMap((sink) => this.#verdictOn(sink))];
  }

  #verdictOn(sink: string): string[] {
    const { poison } = this.#sinks.get(sink)!;
    const wrong: string[] = [];
    const lost: number[] = [];
    const undead: number[] = [];
    for (const n of this.#pushed.keys()) {
      if (this.#forgotten.has(n)) continue;
      const { delivered, letters } = this.#lives.get(sink)!.get(n) ?? NOTHING;
      if (delivered.length > 0) continue;
      if (letters.length === 0) (poison.has(n) ? undead : lost).push(n);
    }
    if (lost.length > 0) wrong.push(`${sink} lacks ${list(lost)}`);
    if (undead.length > 0) wrong.push(`${sink} refused ${list(undead)}, and they are no dead letters`);
    for (const [n, life] of this.#lives.get(sink)!) {
      if (!this.#pushed.has(n)) wrong.push(`${sink} has ${n}, which nobody pushed`);
      const explained = (reason: string) => ALONE.test(reason) || GARBAGE.test(reason);
      if (life.letters.length > 0 && !poison.has(n) && !life.letters.every(explained)) {
        wrong.push(`${n} is a dead letter of ${sink}, and nothing is wrong with it: ${life.letters[0]}`);
      }
      const unexcused = this.#unexcused(sink, n, life);
      if (unexcused) wrong.push(`${n} came to ${sink} ${life.delivered.length} times: ${unexcused}`);
    }
    return wrong.length > MOST ? [...wrong.slice(0, MOST), `and ${wrong.length - MOST} more of ${sink}`] : wrong;
  }

  /** Each repeat needs a fault of its own that struck while the record was delivered and not yet acknowledged. */
  #unexcused(sink: string, n: number, { delivered, acknowledged, excused }: Life): string | null {
    if (delivered.length < 2) return null;
    const renamed = this.#renamed.get(n) ?? 0;
    const { exact } = this.#sinks.get(sink)!;
    const first = delivered[0]!.at;
    for (let repeat = 1; repeat < delivered.length; repeat++) {
      const before = delivered[repeat - 1]!.at;
      const ack = acknowledged.find((at) => at >= before) ?? Number.POSITIVE_INFINITY;
      const exposed = Math.min(ack, delivered[repeat]!.at);
      const owners = new Set(delivered.slice(0, repeat + 1).map(({ instance }) => instance));
      const faults = this.#excuses.filter(
        (it) =>
          (it.sink === null || it.sink === sink) &&
          (it.instance === null || owners.has(it.instance)) &&
          it.to >= first &&
          it.from <= exposed,
      );
      const excuses = renamed + (exact ? 0 : faults.length + excused);
      if (excuses < repeat) {
        const times = delivered.map(({ at, instance }) => `${Math.round(at)} ms (${instance})`).join(", ");
        return `at ${times}, acknowledged at ${acknowledged.map(Math.round).join(", ") || "no time"}; ${excuses} faults excuse it`;
      }
    }
    return null;
  }

  #life(sink: string, n: number): Life {
    const lives = this.#lives.get(sink)!;
    let life = lives.get(n);
    if (!life) lives.set(n, (life = { delivered: [], acknowledged: [], letters: [], excused: 0 }));
    return life;
  }
}

const NOTHING: Life = { delivered: [], acknowledged: [], letters: [], excused: 0 };
/** A record that was alone in the hands of actors that were killed again and again cannot be told from one that kills them. */
const ALONE = /ended with this record alone in its hands/;
/**
 * Nor can a record that is searched alone be told from one at fault if its destination answered nonsense to it again and again, and
 * then to the next one no more.
 */
const GARBAGE = /Unexpected token/;
const MOST = 5;

function list(numbers: readonly number[]): string {
  const some = numbers.slice(0, 12).join(", ");
  return numbers.length > 12 ? `${some} and ${numbers.length - 12} more` : some;
}
