import { dirname, join, resolve } from "node:path";

/** Beside the configuration: what an operator has installed. */
export const FOLDER = "sluice-plugins";
export const LOCK_NAME = "plugins.lock.json";
export const BUNDLES = "bundles";
export const FOLDER_VARIABLE = "SLUICE_PLUGINS";

export interface Whereabouts {
  /** The configuration file, absolute; null: none. */
  conf: string | null;
  /** As given on the command line. */
  folder?: string | undefined;
  variables: { read(name: string): string | undefined };
  cwd: string;
}

/** The folder of the operator's plugins: as given, else SLUICE_PLUGINS, else beside the configuration, else in the working folder. */
export function operatorFolder({ conf, folder, variables, cwd }: Whereabouts): string {
  const named = folder ?? (variables.read(FOLDER_VARIABLE) || undefined);
  return named === undefined ? join(conf === null ? cwd : dirname(conf), FOLDER) : resolve(cwd, named);
}

export function operatorLock(where: Whereabouts): string {
  return join(operatorFolder(where), LOCK_NAME);
}
