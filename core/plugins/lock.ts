import { readFileSync } from "node:fs";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/**
 * plugins.lock.json: which plugins there are, what their sinks read and how they are configured. It is all that the host
 * knows of a plugin: it runs none of its code.
 */
const LockedType = Type.Object(
  {
    type: Type.String({ pattern: "^[a-z0-9][a-z0-9_-]*$", description: "As in pump.conf." }),
    reads: Type.Union([Type.Literal("analytics"), Type.Literal("uptime")]),
    /** JSON schema of the sink's configuration, with annotations. */
    schema: Type.Record(Type.String(), Type.Unknown()),
    decodes: Type.Boolean(),
    single: Type.Boolean(),
  },
  { additionalProperties: false },
);

const LockedPlugin = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    version: Type.String({ minLength: 1 }),
    source: Type.Literal("workspace"),
    entry: Type.String({ minLength: 1, description: "Relative to the lock file." }),
    api: Type.Integer({ minimum: 1 }),
    features: Type.Array(Type.String()),
    permissions: Type.Record(Type.String(), Type.Unknown()),
    isolation: Type.Union([Type.Literal("worker"), Type.Literal("process")]),
    types: Type.Array(LockedType, { minItems: 1 }),
  },
  { additionalProperties: false },
);

const PluginLock = Type.Object(
  { lockVersion: Type.Literal(1), plugins: Type.Array(LockedPlugin) },
  { additionalProperties: false },
);

export type LockedType = Static<typeof LockedType>;
export type LockedPlugin = Static<typeof LockedPlugin>;
export type PluginLock = Static<typeof PluginLock>;

/** The lock cannot be used. */
export class LockError extends Error {
  readonly code: "SLUICE_LOCK_UNREADABLE" | "SLUICE_LOCK_INVALID";
  /** The file, and the place in it. */
  readonly place: string;
  /** What to do. */
  readonly mend: string;

  constructor(code: LockError["code"], place: string, message: string, mend: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LockError";
    this.code = code;
    this.place = place;
    this.mend = mend;
  }
}

const REMAKE = "Restore it from version control or write it anew.";

/** Reads and checks a lock. Throws LockError. */
export function readLock(file: string): PluginLock {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new LockError("SLUICE_LOCK_UNREADABLE", file, `The lock cannot be read (${codeOf(error)}).`, REMAKE, error);
  }
  return parseLock(text, file);
}

/** Strict: an unknown key, a missing one, or two plugins for one type is an error. `file` names the place in errors. */
export function parseLock(text: string, file: string): PluginLock {
  let lock: unknown;
  try {
    lock = JSON.parse(text);
  } catch (error) {
    throw new LockError("SLUICE_LOCK_INVALID", file, "The lock is not JSON.", REMAKE, error);
  }
  const version = (lock as { lockVersion?: unknown } | null)?.lockVersion;
  if (typeof version === "number" && version > 1) {
    throw new LockError(
      "SLUICE_LOCK_INVALID",
      `${file} /lockVersion`,
      `The lock has version ${version}; this Sluice reads version 1.`,
      "Use the Sluice that wrote it, or write it anew.",
    );
  }
  if (!Value.Check(PluginLock, lock)) {
    const [fault] = [...Value.Errors(PluginLock, lock)];
    throw new LockError(
      "SLUICE_LOCK_INVALID",
      `${file} ${fault?.path || "/"}`,
      `${fault?.message ?? "Not a lock"}.`,
      REMAKE,
    );
  }
  const owners = new Map<string, string>();
  for (const plugin of lock.plugins) {
    for (const { type } of plugin.types) {
      const owner = owners.get(type);
      if (owner !== undefined) {
        const message = `Both ${owner} and ${plugin.name} have the sink type "${type}".`;
        throw new LockError("SLUICE_LOCK_INVALID", file, message, "Remove one of the two plugins.");
      }
      owners.set(type, plugin.name);
    }
  }
  return lock;
}

/** The text of a lock: plugins by name, types by name, keys in the order of the format; the same lock gives the same bytes. */
export function formatLock(lock: PluginLock): string {
  const plugins = lock.plugins
    .toSorted((a, b) => order(a.name, b.name))
    .map((plugin) => ({
      name: plugin.name,
      version: plugin.version,
      source: plugin.source,
      entry: plugin.entry,
      api: plugin.api,
      features: plugin.features.toSorted(order),
      permissions: plugin.permissions,
      isolation: plugin.isolation,
      types: plugin.types
        .toSorted((a, b) => order(a.type, b.type))
        .map(({ type, reads, schema, decodes, single }) => ({
          type,
          reads,
          decodes,
          single,
          schema,
        })),
    }));
  return `${JSON.stringify({ lockVersion: lock.lockVersion, plugins }, null, 2)}\n`;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
