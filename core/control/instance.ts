import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, realpathSync, type Stats } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";

/** Where the files of the instance lie that runs on one configuration. */
export interface Instance {
  folder: string;
  socket: string;
  pidFile: string;
  lockFile: string;
  logFile: string;
}

/**
 * By the configuration's real path (null: variables and defaults alone), below `$SLUICE_RUN_DIR`, else
 * `$RUNTIME_DIRECTORY` (systemd), else `$XDG_RUNTIME_DIR/sluice`, else `<tmp>/sluice-<uid>`. Makes nothing.
 */
export function instanceOf(configuration: string | null, env: NodeJS.ProcessEnv = process.env): Instance {
  const folder = join(baseOf(env), nameOf(configuration));
  return {
    folder,
    socket: join(folder, "control.sock"),
    pidFile: join(folder, "sluice.pid"),
    lockFile: join(folder, "sluice.lock"),
    logFile: join(folder, "sluice.log"),
  };
}

/**
 * Makes the folder, for its owner alone, with what is missing above it. Throws ControlError where it, or the one above,
 * is a link, is somebody else's, or lets others in.
 */
export function makeFolder({ folder }: Instance): void {
  const base = resolve(folder, "..");
  try {
    mkdirSync(base, { recursive: true, mode: 0o700 });
    checkFolder(base, WRITABLE);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (error instanceof ControlError) throw error;
    throw new ControlError(
      CONTROL_ERROR_CODES.folder,
      `The folder ${folder} cannot be made: set SLUICE_RUN_DIR to one that this user can write.`,
      { cause: error },
    );
  }
  checkFolder(folder, OPEN);
}

/** Whether the folder is there; throws as `makeFolder` does where it is not to be trusted. */
export function hasFolder({ folder }: Instance): boolean {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return false;
  checkFolder(resolve(folder, ".."), WRITABLE);
  checkFolder(folder, OPEN);
  return true;
}

/** Rights that nobody else may have: of the folder with all instances, which systemd makes 0755, and of one instance's. */
const WRITABLE = 0o022;
const OPEN = 0o077;
const STICKY = 0o1000;

function checkFolder(folder: string, forbidden: number): void {
  const stats = lstatSync(folder);
  const fault = faultOf(stats, forbidden);
  if (fault === null) return;
  throw new ControlError(
    CONTROL_ERROR_CODES.folder,
    `The folder ${folder} ${fault}: remove it, or set SLUICE_RUN_DIR to a folder of this user alone.`,
  );
}

function faultOf(stats: Stats, forbidden: number): string | null {
  if (stats.isSymbolicLink()) return "is a symbolic link";
  if (!stats.isDirectory()) return "is no folder";
  // What is root's is safe from everybody else.
  if (stats.uid !== process.getuid?.() && stats.uid !== 0) return "belongs to somebody else";
  // In a folder like /tmp nobody can move or replace what is another's.
  const allowed = forbidden === WRITABLE && (stats.mode & STICKY) !== 0;
  return allowed || (stats.mode & forbidden) === 0 ? null : "lets others in";
}

function baseOf(env: NodeJS.ProcessEnv): string {
  if (env.SLUICE_RUN_DIR) return resolve(env.SLUICE_RUN_DIR);
  // systemd names several in one variable.
  const [runtime] = (env.RUNTIME_DIRECTORY ?? "").split(":");
  if (runtime) return resolve(runtime);
  if (env.XDG_RUNTIME_DIR) return join(resolve(env.XDG_RUNTIME_DIR), "sluice");
  return join(tmpdir(), `sluice-${process.getuid?.() ?? 0}`);
}

function nameOf(configuration: string | null): string {
  if (configuration === null) return "default";
  return createHash("sha256")
    .update(realPath(resolve(configuration)))
    .digest("hex")
    .slice(0, 16);
}

/** Of a file that is not there: the path itself. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
