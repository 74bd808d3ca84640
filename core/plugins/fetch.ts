import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { PluginError } from "./errors.ts";
import { runNpm } from "./npm.ts";
import { ARCHIVE_LIMITS } from "./tarball.ts";

/** What was asked for, as the lock remembers it: a path from the operator's folder, or what npm understands. */
export interface Request {
  /** `file:` and a path relative to the operator's folder, or an npm spec. */
  spec: string;
}

export interface Fetched {
  archive: Buffer;
  /** As npm writes it: sha512 of the archive. */
  integrity: string;
}

const FILE = "file:";
const ARCHIVE = /\.(tgz|tar\.gz)$/;
/** A package of a registry by name and, perhaps, version, range or tag; anything with a place in it is not. */
const REGISTRY = /^((?:@[^/@:\s]+\/)?[^/@:\s]+)(?:@[^/:]*)?$/;

/** What a person wrote on the command line; paths are relative to `cwd`. Throws PluginError. */
export function requestOf(text: string, cwd: string, folder: string): Request {
  const isFile = text.startsWith(FILE);
  const path = resolve(cwd, isFile ? text.slice(FILE.length) : text);
  const looksLikePath = isFile || /^[./~]/.test(text) || ARCHIVE.test(text);
  if (looksLikePath && !/^[a-z+]+:\/\//.test(text)) {
    if (!existsSync(path)) throw new PluginError("SLUICE_PLUGIN_FETCH", `${path} does not exist. Correct the path.`);
    return { spec: `${FILE}${relative(folder, path) || "."}` };
  }
  if (text.startsWith("-") || text.trim() === "") {
    throw new PluginError(
      "SLUICE_PLUGIN_FETCH",
      `${JSON.stringify(text)} is no package. Name one, a tarball or a folder.`,
    );
  }
  return { spec: text };
}

/** The request that gives exactly this version again. */
export function exactly(spec: string, name: string, version: string): Request {
  return { spec: REGISTRY.test(spec) ? `${name}@${version}` : spec };
}

/** Whether updating looks for a newer version, or only at whether the same place holds something else. */
export function nameIn(spec: string): string | undefined {
  return REGISTRY.exec(spec)?.[1];
}

/** Gets the package's archive; runs none of its scripts. `work`: a folder to use. Throws PluginError. */
export async function fetchPackage({ spec }: Request, folder: string, work: string): Promise<Fetched> {
  const path = spec.startsWith(FILE) ? resolve(folder, spec.slice(FILE.length)) : null;
  if (path !== null && !existsSync(path)) {
    throw new PluginError("SLUICE_PLUGIN_FETCH", `${path} is not there any more. Put it back, or add the plugin anew.`);
  }
  const file = path !== null && statSync(path).isFile() ? path : await pack(path ?? spec, work);
  if (statSync(file).size > ARCHIVE_LIMITS.packed) {
    throw new PluginError(
      "SLUICE_PLUGIN_ARCHIVE",
      `${file} is larger than ${ARCHIVE_LIMITS.packed} bytes. Get a smaller one.`,
    );
  }
  const archive = readFileSync(file);
  return { archive, integrity: `sha512-${createHash("sha512").update(archive).digest("base64")}` };
}

async function pack(spec: string, work: string): Promise<string> {
  const packed = join(work, "packed");
  mkdirSync(packed);
  await runNpm(["pack", `--pack-destination=${packed}`, "--", spec], work);
  const [file, ...others] = readdirSync(packed);
  if (file === undefined || others.length > 0) {
    throw new PluginError(
      "SLUICE_PLUGIN_FETCH",
      `npm packed ${others.length + 1} archives of ${spec}, not one. Name one package.`,
    );
  }
  return join(packed, file);
}
