import type { Problem, ProblemCode } from "./problem.ts";
import { isReference, parseReferences } from "./secrets/reference.ts";
import type { Secrets } from "./secrets/secrets.ts";

/** What a wrong value does: an error of the start, of one sink, or a warning. */
export interface Scope {
  severity: "error" | "warning";
  sink?: string;
}

/** Values as read so far: what a layer sets stays unless a later layer sets it again. */
export interface Values {
  [key: string]: unknown;
}

/**
 * What is known about a configuration while its layers are read: where each value came from, which values could not be
 * read, and all problems. A value is named by its path (`pumps.csv.timeout`).
 */
export class Draft {
  readonly problems: Problem[] = [];
  readonly secrets: Secrets;
  /** Values that must never be printed. */
  readonly hidden = new Set<string>();
  readonly #timesHidden = new Map<string, number>();
  readonly #references = new Map<string, string>();
  readonly #places = new Map<string, string>();
  readonly #unread = new Map<string, Problem>();

  constructor(secrets: Secrets) {
    this.secrets = secrets;
  }

  report(
    code: ProblemCode,
    scope: Scope,
    text: { path?: string; place?: string; message: string; mend: string },
  ): Problem {
    const place = text.place ?? this.placeOf(text.path ?? "");
    const problem: Problem = { ...scope, code, place, message: text.message, mend: text.mend };
    this.problems.push(problem);
    return problem;
  }

  /** A value was read. */
  found(path: string, place: string): void {
    this.#places.set(path, place);
    this.#unread.delete(path);
    this.#references.delete(path);
  }

  /** A value is there but cannot be used; the path keeps what earlier layers gave it. */
  unreadable(path: string, problem: Problem): void {
    this.#unread.set(path, problem);
  }

  /** The problem that left this path without the value that somebody meant to give it. */
  whyUnread(path: string): Problem | undefined {
    return this.#unread.get(path);
  }

  /** The problem of a part of the list or map at this path. */
  whyPartUnread(path: string): Problem | undefined {
    return [...this.#unread].find(([at]) => isBelow(at, path))?.[1];
  }

  /** A text with its references to secrets replaced; undefined: one cannot be read, which is reported. */
  resolve(text: string, path: string, place: string, scope: Scope): string | undefined {
    const parts = parseReferences(text);
    if ("error" in parts) {
      return this.#unresolved(
        scope,
        path,
        place,
        `The reference to a secret cannot be read: ${parts.error}.`,
        "Correct it.",
      );
    }
    // All are asked for at once.
    const answers = parts.map((part) => (typeof part === "string" ? { value: part } : this.secrets.read(part)));
    let whole = "";
    for (const [i, part] of parts.entries()) {
      const answer = answers[i];
      if (typeof part === "string") whole += part;
      else if (answer === undefined || "error" in answer) {
        const { message, mend } = answer?.error ?? { message: "It was not read.", mend: "Try again." };
        return this.#unresolved(scope, path, place, `${part.text}: ${message}`, mend);
      } else {
        if (answer.value === "") this.#empty(scope, place, part.text);
        whole += answer.value;
        this.hide(answer.value);
      }
    }
    this.hide(whole);
    return whole;
  }

  #empty(scope: Scope, place: string, reference: string): void {
    const text = { message: `${reference} is empty, or a variable that is not set.`, mend: "Set it where it is kept." };
    this.report("SLUICE_CONFIG_SECRET", { ...scope, severity: "warning" }, { place, ...text });
  }

  #unresolved(scope: Scope, path: string, place: string, message: string, mend: string): undefined {
    const problem = this.report("SLUICE_CONFIG_SECRET", { ...scope, severity: "error" }, { place, message, mend });
    this.unreadable(path, problem);
  }

  /** Keeps a secret, or each text of a list or an object of them, out of everything that is printed. */
  hide(value: unknown): void {
    if (typeof value === "object" && value !== null) for (const one of Object.values(value)) this.hide(one);
    if (typeof value !== "string" || value.trim() === "") return;
    this.hidden.add(value);
    this.#timesHidden.set(value, (this.#timesHidden.get(value) ?? 0) + 1);
    // Drivers name parts of a connection string.
    for (const password of passwordsIn(value)) this.hidden.add(password);
  }

  /** The same for what looks like a password within a text as it is written, such as an address. */
  hideWithin(text: string): void {
    // The name of a secret is none.
    if (isReference(text)) return;
    for (const password of passwordsIn(text)) this.hidden.add(password);
  }

  /** Takes a `hide` back: the value has turned out to be none. It stays hidden where something else has it, too. */
  reveal(value: string): void {
    const times = (this.#timesHidden.get(value) ?? 0) - 1;
    this.#timesHidden.set(value, times);
    if (times === 0) this.hidden.delete(value);
  }

  /** The value at this path came from these references. */
  refers(path: string, text: string): void {
    this.#references.set(path, text);
  }

  /** The references that the value at this path, or parts of it, were resolved from. */
  referenceOf(path: string): string | undefined {
    const below = [...this.#references].filter(([at]) => isBelow(at, path));
    return this.#references.get(path) ?? (below.length > 0 ? below.map(([, text]) => text).join(", ") : undefined);
  }

  isSet(path: string): boolean {
    return this.#places.has(path);
  }

  /** Where the value at this path came from: its own place, or that of the nearest object around it. */
  placeOf(path: string): string {
    for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
      const place = this.#places.get(at);
      if (place !== undefined) return place;
    }
    return path === "" ? "configuration" : path;
  }

  hasFailed(sink: string): boolean {
    return this.problems.some((problem) => problem.severity === "error" && problem.sink === sink);
  }
}

function isBelow(at: string, path: string): boolean {
  return at.startsWith(`${path}[`) || at.startsWith(`${path}.`);
}

/** In a URL, in mysql's DSN, in a list of `password=…`. Repetitions have bounds, or a long text would take hours. */
const PASSWORDS = [
  /:\/\/[^\s:/@]{0,255}:([^\s@]{1,1023})@/g,
  /^[^\s:/@]{0,255}:([^\s@]{1,1023})@/g,
  /\bpassword\s{0,9}=\s{0,9}'?([^\s;&']+)/gi,
];

function passwordsIn(text: string): string[] {
  return PASSWORDS.flatMap((form) => [...text.matchAll(form)]).flatMap(([, password = ""]) => {
    try {
      return [password, decodeURIComponent(password)];
    } catch {
      return [password];
    }
  });
}
