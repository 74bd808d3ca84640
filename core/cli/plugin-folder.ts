import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { LOCK_FILE } from "../config/load.ts";
import { type PluginLock, readLock } from "../plugins/lock.ts";
import { operatorFolder } from "../plugins/store.ts";
import type { PluginOptions } from "./plugin.ts";

/** The folder of the operator's plugins, as `sluice start` would find it. */
export function pluginFolder({ conf, plugins }: PluginOptions): string {
  const cwd = process.cwd();
  const file = resolve(cwd, conf ?? "pump.conf");
  return operatorFolder({
    conf: conf !== undefined || existsSync(file) ? file : null,
    folder: plugins,
    variables: { read: (name) => process.env[name] },
    cwd,
  });
}

/** The lock of the plugins that Sluice brings. */
export function builtInLock(): PluginLock {
  return readLock(LOCK_FILE);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
