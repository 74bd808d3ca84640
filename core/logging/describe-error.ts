/**
 * An error as one piece of text: its message and those of its causes, each once. Stacks are left to `--debug`.
 * An error without a message shows its code or its class.
 */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  let next: unknown = error;
  while (next !== undefined && next !== null && !seen.has(next) && parts.length < 8) {
    seen.add(next);
    const text = ownText(next);
    // Many wrappers repeat their cause's message in their own.
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    next = next instanceof Error ? (next.cause ?? firstOf(next)) : undefined;
  }
  // A sentence goes on with its cause: no full stop between them.
  return parts.map((part, i) => (i < parts.length - 1 ? part.replace(/\.$/, "") : part)).join(": ");
}

/** The `code` of an error, or of the nearest cause that has one. */
export function errorCode(error: unknown): string | undefined {
  for (let next: unknown = error, depth = 0; next instanceof Error && depth < 8; next = next.cause, depth++) {
    if ("code" in next && typeof next.code === "string") return next.code;
  }
  return undefined;
}

function ownText(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === "string" ? error : (JSON.stringify(error) ?? String(error));
  if (error.message !== "") return error.message;
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

/** A refused connection to a name with several addresses arrives as an AggregateError with no message. */
function firstOf(error: Error): unknown {
  return error instanceof AggregateError ? error.errors[0] : undefined;
}
