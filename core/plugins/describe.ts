import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Value } from "@sluice/sdk/schema";
import { confine } from "./confine.ts";
import { PluginError } from "./errors.ts";
import type { FileHashes } from "./files.ts";
import { LockedType } from "./lock.ts";
import type { Manifest } from "./manifest.ts";

/** Longest that importing an entry may take, ms. */
const PATIENCE_MS = 20_000;
/** Larger than what any sink has to say of its configuration. */
const LARGEST_ANSWER = 1 << 20;
const PROCESS = fileURLToPath(new URL("./describe-process.ts", import.meta.url));

/** Where a plugin's code lies. */
export interface Code {
  /** Absolute path. */
  entry: string;
  /** Folders that it is read from. */
  roots: string[];
  /** Hashes of the bundle; null where it is no bundle. */
  files: FileHashes | null;
}

/**
 * The sink types that a plugin's entry defines, as the lock has them. Its code runs in a process of its own, with the permissions of its
 * manifest and no others, which ends with the answer. Throws PluginError if that is not what the manifest says.
 */
export async function describePlugin({ name, version, sluice }: Manifest, code: Code): Promise<LockedType[]> {
  const fail = (why: string) => new PluginError("SLUICE_PLUGIN_ENTRY", `The entry of ${name} ${version} ${why}.`);
  const answer = await ask({ name, version, permissions: sluice.permissions, roots: code.roots }, code);
  if ("error" in answer) throw fail(`cannot be loaded: ${shown(answer.error)}. Correct the plugin`);
  const { types } = answer;
  for (const type of types) {
    const [fault] = Value.Check(LockedType, type) ? [] : [...Value.Errors(LockedType, type)];
    if (fault) throw fail(`defines a sink that is not valid, ${fault.path}: ${fault.message}. Correct the plugin`);
  }
  const found = types.map(({ type }) => type).sort();
  if (found.join() !== sluice.types.toSorted().join()) {
    throw fail(
      `defines the types ${found.join(", ")}, but its manifest says ${sluice.types.join(", ")}. Make them the same`,
    );
  }
  return types;
}

async function ask(
  plugin: Parameters<typeof confine>[0],
  { entry, files }: Code,
): Promise<{ types: LockedType[] } | { error: string }> {
  const { flags, env } = confine(plugin);
  const order = JSON.stringify({ entry: pathToFileURL(entry).href, files });
  const child = spawn(process.execPath, [...flags, "--no-warnings", PROCESS], {
    env,
    stdio: ["pipe", "ignore", "ignore", "pipe"],
  });
  child.stdin!.on("error", () => {});
  child.stdin!.end(order);
  let text = "";
  let why = "";
  const stop = (reason: string) => {
    why ||= reason;
    child.kill("SIGKILL");
  };
  const timer = setTimeout(stop, PATIENCE_MS, `it takes longer than ${PATIENCE_MS / 1000} s`);
  (child.stdio[3] as Readable).setEncoding("utf8").on("data", (part: string) => {
    text += part;
    if (text.length > LARGEST_ANSWER) stop(`its configuration schema is larger than ${LARGEST_ANSWER} bytes`);
  });
  const ended = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(`its process ended with ${signal ?? code} before it was loaded`));
  });
  clearTimeout(timer);
  if (why || text === "") return { error: why || ended };
  return JSON.parse(text);
}

/** What a plugin says goes to a terminal: one line, without control characters. */
function shown(text: unknown): string {
  return String(text)
    .replace(/\p{C}+/gu, " ")
    .slice(0, 1000);
}
