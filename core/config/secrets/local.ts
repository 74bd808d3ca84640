import { readFileSync, realpathSync } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import type { Environment } from "../variables.ts";
import type { EnvConfig } from "./schema.ts";
import { SecretError, type Store } from "./store.ts";

/** Variables of the process. One that is not set is the empty text, as in Tyk's library. */
export function envStore({ prefix, uppercase, allow_no_prefix }: EnvConfig, env: Environment): Store {
  return {
    async get(path) {
      return env[prefix + (uppercase ? path.toUpperCase() : path)] ?? "";
    },
    async check() {
      if (prefix !== "" || allow_no_prefix) return;
      throw new SecretError(
        "SLUICE_SECRET_STORE",
        "It has no prefix, so that any variable could be read.",
        'Set "prefix", or "allow_no_prefix": true.',
      );
    },
  };
}

/** What the configuration itself holds. */
export function inlineStore(data: { readonly [name: string]: string }): Store {
  return {
    async get(path) {
      const value = Object.hasOwn(data, path) ? data[path] : undefined;
      if (value === undefined) throw missing(path, "Add it to `data`.");
      return value;
    },
    async check() {},
  };
}

const MOST_BYTES = 1 << 20;

/** Files below one folder, as Kubernetes and Docker mount secrets; line ends at the end are dropped. */
export function fileStore(folder: string): Store {
  return {
    async get(path) {
      if (isAbsolute(path) || path.split(/[/\\]/).includes("..")) throw outside(path);
      const file = readable(() => realpathSync(join(folder, path)), path);
      const base = readable(() => realpathSync(folder), path);
      if (!file.startsWith(base === sep ? base : base + sep)) throw outside(path);
      const bytes = readable(() => readFileSync(file), path);
      if (bytes.length > MOST_BYTES) {
        throw new SecretError(
          "SLUICE_SECRET_PATH",
          `${path} is larger than a secret may be (1 MiB).`,
          "Correct the path.",
        );
      }
      return bytes.toString("utf8").replace(/[\r\n]+$/, "");
    },
    async check() {
      if (!isAbsolute(folder)) {
        throw new SecretError("SLUICE_SECRET_STORE", "base_path must be absolute.", "Write it from the root.");
      }
      try {
        realpathSync(folder);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw new SecretError(
          "SLUICE_SECRET_STORE",
          `base_path cannot be read (${code}).`,
          "Correct it or make the folder.",
        );
      }
    },
  };
}

function readable<T>(read: () => T, path: string): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw missing(path, "Make the file, or correct the path.");
    if (code === "EACCES" || code === "EPERM") {
      throw new SecretError(
        "SLUICE_SECRET_DENIED",
        `${path} may not be read (${code}).`,
        "Give Sluice's user the right to read it.",
      );
    }
    throw new SecretError("SLUICE_SECRET_PATH", `${path} cannot be read (${code}).`, "Name a file below base_path.");
  }
}

function missing(path: string, mend: string): SecretError {
  return new SecretError("SLUICE_SECRET_MISSING", `It has no secret ${JSON.stringify(path)}.`, mend);
}

function outside(path: string): SecretError {
  return new SecretError(
    "SLUICE_SECRET_PATH",
    `${JSON.stringify(path)} leads out of base_path.`,
    "Name a file below base_path.",
  );
}
