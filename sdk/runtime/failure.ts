import { SINK_ERROR_CODES } from "../sink/errors.ts";
import type { WireError } from "./protocol.ts";

/** Whose fault a failure is. */
export type Fault = "retryable" | "refused" | "fatal" | "redeliver" | "unknown";

const FAULT_OF_CODE: { [code: string]: Fault } = {
  [SINK_ERROR_CODES.Retryable]: "retryable",
  [SINK_ERROR_CODES.Refused]: "refused",
  [SINK_ERROR_CODES.Fatal]: "fatal",
  [SINK_ERROR_CODES.Redeliver]: "redeliver",
  // Node's permission model: no try will be granted what the first was not.
  ERR_ACCESS_DENIED: "fatal",
  ERR_DLOPEN_DISABLED: "fatal",
};

/** What a permission of Node's is called in a manifest. */
const RIGHTS: { readonly [permission: string]: string } = {
  FileSystemRead: "read",
  FileSystemWrite: "write",
  ChildProcess: "childProcess",
  WorkerThreads: "worker",
  Addon: "addons",
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
    message: denial(thrown) ?? (textOf(property(thrown, "message")) || describe(thrown)),
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
  const wire = toWireError(thrown);
  const { name, code, message } = wire;
  const head = code && !message.includes(code) ? `${name} (${code})` : name;
  return `${head}: ${withCause(wire)}`;
}

/** What an error says, and what its cause says besides. */
export function withCause({ message, cause }: WireError): string {
  return cause && !message.includes(cause.message) ? `${message} (${cause.message})` : message;
}

/** Node's own message names a flag of Node's. */
function denial(thrown: unknown): string | undefined {
  const code = property(thrown, "code");
  if (code !== "ERR_ACCESS_DENIED" && code !== "ERR_DLOPEN_DISABLED") return undefined;
  const permission = textOf(property(thrown, "permission")) || (code === "ERR_DLOPEN_DISABLED" ? "Addon" : "");
  const resource = textOf(property(thrown, "resource"));
  const right = RIGHTS[permission];
  const what = `${right ?? permission}${resource ? ` ${resource}` : ""}`;
  const isPath = right === "read" || right === "write";
  const mend = isPath
    ? `name it under permissions.${right} in its manifest, or mark the setting with "path"`
    : `ask for it under permissions in its manifest`;
  return `this plugin was not granted: ${what} (${code}); ${mend}`;
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
