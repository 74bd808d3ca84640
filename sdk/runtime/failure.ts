import { SINK_ERROR_CODES } from "../sink/errors.ts";
import type { WireError } from "./protocol.ts";

/** Whose fault a failure is. */
export type Fault = "retryable" | "refused" | "fatal" | "redeliver" | "unknown";

const FAULT_OF_CODE: { [code: string]: Fault } = {
  [SINK_ERROR_CODES.Retryable]: "retryable",
  [SINK_ERROR_CODES.Refused]: "refused",
  [SINK_ERROR_CODES.Fatal]: "fatal",
  [SINK_ERROR_CODES.Redeliver]: "redeliver",
};

/** Told by `code`: an error may come from another copy of the class. */
export function faultOf(thrown: unknown): Fault {
  const code = property(thrown, "code");
  return typeof code === "string" && Object.hasOwn(FAULT_OF_CODE, code) ? (FAULT_OF_CODE[code] as Fault) : "unknown";
}

/** How long the sink itself asks to be left alone, ms. */
export function afterOf(thrown: unknown): number | undefined {
  const after = property(thrown, "after");
  return typeof after === "number" && after > 0 ? after : undefined;
}

const DEEPEST_CAUSE = 4;
const LONGEST_TEXT = 2000;

/** Anything that was thrown, as plain data: short, and never throwing itself. */
export function toWireError(thrown: unknown, depth = 0): WireError {
  const wire: WireError = {
    name: textOf(property(thrown, "name")) || "Error",
    code: textOf(property(thrown, "code")) || "",
    message: textOf(property(thrown, "message")) || describe(thrown),
  };
  const stack = textOf(property(thrown, "stack"));
  if (stack) wire.stack = stack;
  const after = afterOf(thrown);
  if (after !== undefined) wire.after = after;
  const cause = property(thrown, "cause");
  if (cause !== undefined && depth < DEEPEST_CAUSE) wire.cause = toWireError(cause, depth + 1);
  return wire;
}

/** One sentence for a log line or a dead letter's reason. */
export function sentence(thrown: unknown): string {
  const { name, code, message, cause } = toWireError(thrown);
  const head = code && !message.includes(code) ? `${name} (${code})` : name;
  return `${head}: ${message}${cause && !message.includes(cause.message) ? ` (${cause.message})` : ""}`;
}

/** A plugin's error is hostile: a getter may throw. */
function property(thrown: unknown, name: string): unknown {
  try {
    return thrown !== null && typeof thrown === "object" ? Reflect.get(thrown, name) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, LONGEST_TEXT) : "";
}

function describe(thrown: unknown): string {
  if (thrown === null || typeof thrown !== "object") return `threw ${String(thrown).slice(0, LONGEST_TEXT)}`;
  return "no message";
}
