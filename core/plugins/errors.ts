/** What can be wrong with a plugin, from its package to its bundle. docs/plugins.md says what to do about each. */
export const PLUGIN_ERROR_CODES = [
  /** The package has no `sluice` key, or a wrong one. */
  "SLUICE_PLUGIN_MANIFEST",
  /** What it exports is not what its manifest says, or it cannot be loaded. */
  "SLUICE_PLUGIN_ENTRY",
  /** It speaks another version of the contract, or needs a feature that this host does not have. */
  "SLUICE_PLUGIN_API",
  /** npm could not get it. */
  "SLUICE_PLUGIN_FETCH",
  /** The archive holds what a package must not hold, or too much of it. */
  "SLUICE_PLUGIN_ARCHIVE",
  /** Its code could not be bundled. */
  "SLUICE_PLUGIN_BUNDLE",
  /** A file of it is missing or not what was locked. */
  "SLUICE_PLUGIN_TAMPERED",
  /** It, or one of its sink types, is there already. */
  "SLUICE_PLUGIN_TAKEN",
  /** It asks for more than was granted. */
  "SLUICE_PLUGIN_PERMISSIONS",
  /** No plugin of that name or type is installed. */
  "SLUICE_PLUGIN_UNKNOWN",
  /** What would be installed differs from the lock. */
  "SLUICE_PLUGIN_DRIFT",
] as const;

export type PluginErrorCode = (typeof PLUGIN_ERROR_CODES)[number];

/** Something is wrong with a plugin; the message ends with what to do. */
export class PluginError extends Error {
  readonly code: PluginErrorCode;

  constructor(code: PluginErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "PluginError";
    this.code = code;
  }
}
