import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Static, Type, Value } from "@sluice/sdk/schema";
import { TYPE_PATTERN } from "./manifest.ts";
import { Permissions } from "./permissions.ts";

/**
 * plugins.lock.json: which plugins there are, what their sinks read and how they are configured. It is all that the host
 * knows of a plugin: it runs none of its code.
 */
export const LockedType = Type.Object(
  {
    type: Type.String({ pattern: TYPE_PATTERN, description: "As in pump.conf." }),
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
    source: Type.Union([Type.Literal("workspace"), Type.Literal("package"), Type.Literal("link")], {
      description: "Of this repository; a bundle made of a package; a folder that is being worked on.",
    }),
    requested: Type.Optional(Type.String({ description: "What was asked for; paths are relative to the lock file." })),
    integrity: Type.Optional(Type.String({ description: "Of the package's archive, as npm writes it." })),
    entry: Type.String({ minLength: 1, description: "Relative to the lock file." }),
    folder: Type.Optional(Type.String({ description: "Of a link: where its files lie, relative to the entry." })),
    api: Type.Integer({ minimum: 1 }),
    features: Type.Array(Type.String()),
    permissions: Permissions,
    isolation: Type.Union([Type.Literal("worker"), Type.Literal("process")]),
    files: Type.Optional(
      Type.Record(Type.String(), Type.String({ pattern: "^[0-9a-f]{64}$" }), {
        description: "SHA-256 of each file of the bundle, by its path from the entry's folder.",
      }),
    ),
    dependencies: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: "What npm installed, as its own lock has it." }),
    ),
    types: Type.Array(LockedType, { minItems: 1 }),
    seal: Type.Optional(
      Type.String({ description: "SHA-256 of the rest: an entry is written by commands, not by hand." }),
    ),
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

/** Strict: an unknown key or a missing one is an error. `file` names the place in errors. */
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
  return lock;
}

/** The text of a lock: plugins by name, types by name, keys in the order of the format; the same lock gives the same bytes. */
export function formatLock(lock: PluginLock): string {
  const plugins = lock.plugins.toSorted((a, b) => order(a.name, b.name)).map(inOrder);
  return `${JSON.stringify({ lockVersion: lock.lockVersion, plugins }, null, 2)}\n`;
}

function inOrder(plugin: LockedPlugin): LockedPlugin {
  const { name, version, source, requested, integrity, entry, folder, api, features } = plugin;
  const { permissions, isolation, files, dependencies, seal } = plugin;
  return {
    name,
    version,
    source,
    ...(requested !== undefined && { requested }),
    ...(integrity !== undefined && { integrity }),
    entry,
    ...(folder !== undefined && { folder }),
    api,
    features: features.toSorted(order),
    permissions,
    isolation,
    ...(files && { files: sortedByKey(files) }),
    ...(dependencies && { dependencies: sortedByKey(dependencies) }),
    types: plugin.types
      .toSorted((a, b) => order(a.type, b.type))
      .map(({ type, reads, schema, decodes, single }) => ({ type, reads, decodes, single, schema })),
    ...(seal !== undefined && { seal }),
  };
}

/** With the seal that belongs to it. */
export function sealed(plugin: LockedPlugin): LockedPlugin {
  return { ...plugin, seal: sealOf(plugin) };
}

/** Whether it is as a command wrote it. An entry of this repository has no seal: it is under version control. */
export function isSealed(plugin: LockedPlugin): boolean {
  return plugin.source === "workspace" || plugin.seal === sealOf(plugin);
}

function sealOf(plugin: LockedPlugin): string {
  const { seal: _, ...rest } = inOrder(plugin);
  return createHash("sha256").update(JSON.stringify(rest)).digest("hex");
}

function sortedByKey<T>(map: { [key: string]: T }): { [key: string]: T } {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => order(a, b)));
}

/**
 * The lock of this repository and an operator's own as one; entries are absolute then. Throws LockError for the first; what is wrong
 * with the second goes to `fault`, and only its plugins are missing.
 */
export function readLocks(file: string, operatorFile: string, fault: (error: LockError) => void): PluginLock {
  const own = readLock(file).plugins.map((plugin) => absolute(plugin, file));
  try {
    const operators = readOperatorLock(operatorFile).plugins.map((plugin) => absolute(plugin, operatorFile));
    return { lockVersion: 1, plugins: [...own, ...operators] };
  } catch (error) {
    if (!(error instanceof LockError)) throw error;
    fault(error);
    return { lockVersion: 1, plugins: own };
  }
}

/** An operator's lock, or an empty one where there is none. Throws LockError. */
export function readOperatorLock(file: string): PluginLock {
  if (!existsSync(file)) return { lockVersion: 1, plugins: [] };
  const lock = readLock(file);
  for (const [i, { source, files }] of lock.plugins.entries()) {
    if (source === "link" || (source === "package" && files)) continue;
    const message = "Only plugins of Sluice's own repository need no hash of their files.";
    throw new LockError("SLUICE_LOCK_INVALID", `${file} /plugins/${i}`, message, REMAKE);
  }
  return lock;
}

/** A seal holds the entry as it is written, so it is looked at before and put on anew. */
function absolute(plugin: LockedPlugin, file: string): LockedPlugin {
  const moved = { ...plugin, entry: resolve(dirname(file), plugin.entry) };
  if (plugin.seal === undefined) return moved;
  return isSealed(plugin) ? sealed(moved) : { ...moved, seal: "" };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
