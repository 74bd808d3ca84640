import type { Problem, ProblemCode } from "./problem.ts";

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
  readonly #places = new Map<string, string>();
  readonly #unread = new Map<string, Problem>();

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
  }

  /** A value is there but cannot be used; the path keeps what earlier layers gave it. */
  unreadable(path: string, problem: Problem): void {
    this.#unread.set(path, problem);
  }

  /** The problem that left this path without the value that somebody meant to give it. */
  whyUnread(path: string): Problem | undefined {
    return this.#unread.get(path);
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
