import { existsSync, readFileSync, statSync } from "node:fs";
import { join, normalize } from "node:path";
import { PROTOCOL } from "@sluice/sdk/runtime";
import { type Static, Type, Value } from "@sluice/sdk/schema";
import { PluginError } from "./errors.ts";
import { faultOfPermissions, normalPermissions, Permissions } from "./permissions.ts";

/** Versions of the contract that this host speaks, and what it has beyond them. */
export const HOST_API = { min: 1, max: PROTOCOL } as const;
export const HOST_FEATURES: readonly string[] = [];

/** A sink type as in pump.conf. */
export const TYPE_PATTERN = "^[a-z0-9][a-z0-9_-]{0,63}$";
/** What npm takes as a package's name; neither a path nor a number of dots. */
const NAME_PATTERN = "^(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*$";
const VERSION_PATTERN = "^[0-9A-Za-z][0-9A-Za-z.+-]{0,127}$";
/** Larger than any package.json that a person wrote. */
const LARGEST_BYTES = 1 << 20;

/** The `sluice` key of a plugin's package.json. */
const SluiceKey = Type.Object(
  {
    api: Type.Integer({ minimum: 1 }),
    entry: Type.String({ pattern: "^\\./", maxLength: 1000 }),
    types: Type.Array(Type.String({ pattern: TYPE_PATTERN }), { minItems: 1, maxItems: 100 }),
    permissions: Permissions,
    isolation: Type.Union([Type.Literal("worker"), Type.Literal("process")]),
    features: Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 }),
    /** What `sluice plugin test` imports. */
    test: Type.Optional(Type.String({ pattern: "^\\./", maxLength: 1000 })),
  },
  { additionalProperties: false },
);

/** What npm would have to get. */
const Dependencies = Type.Record(Type.String(), Type.String(), { maxProperties: 200 });

const Manifest = Type.Object({
  name: Type.String({ pattern: NAME_PATTERN, maxLength: 214 }),
  version: Type.String({ pattern: VERSION_PATTERN }),
  dependencies: Type.Optional(Dependencies),
  optionalDependencies: Type.Optional(Dependencies),
  sluice: SluiceKey,
});

export type Manifest = Static<typeof Manifest>;

/** Reads and checks the manifest of the package in `folder`. Throws PluginError. */
export function readManifest(folder: string): Manifest {
  const file = join(folder, "package.json");
  if (!existsSync(file)) {
    throw new PluginError(
      "SLUICE_PLUGIN_MANIFEST",
      `${folder} has no package.json: it is no plugin. Name the folder of one.`,
    );
  }
  let json: unknown;
  try {
    if (statSync(file).size > LARGEST_BYTES) throw new Error(`it is larger than ${LARGEST_BYTES} bytes`);
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new PluginError("SLUICE_PLUGIN_MANIFEST", `${file} cannot be read as JSON. Correct it.`, error);
  }
  return checkManifest(json, file);
}

/** `place` names it in errors. Throws PluginError. */
export function checkManifest(json: unknown, place: string): Manifest {
  const wrong = (what: string) => new PluginError("SLUICE_PLUGIN_MANIFEST", `${place} ${what}. Correct it.`);
  if (typeof json === "object" && json !== null && !("sluice" in json)) {
    throw new PluginError(
      "SLUICE_PLUGIN_MANIFEST",
      `${place} has no "sluice" key: this package is no plugin of Sluice.`,
    );
  }
  if (!Value.Check(Manifest, json)) {
    const [fault] = [...Value.Errors(Manifest, json)];
    throw wrong(`${fault?.path || "/"}: ${fault?.message}`);
  }
  const { entry, types, permissions, test } = json.sluice;
  for (const path of test === undefined ? [entry] : [entry, test]) {
    if (normalize(path).startsWith("..") || path.includes("\0"))
      throw wrong("/sluice: a path leads out of the package");
  }
  if (new Set(types).size < types.length) throw wrong("/sluice/types: a type is named twice");
  const fault = faultOfPermissions(permissions);
  if (fault) throw wrong(`/sluice/permissions: ${fault}`);
  return { ...json, sluice: { ...json.sluice, permissions: normalPermissions(permissions) } };
}

/** Why this host cannot run a plugin of this version with these features, and what to do; undefined if it can. */
export function incompatibility(
  { name, version, api, features }: { name: string; version: string; api: number; features: readonly string[] },
  host: { api: { min: number; max: number }; features: readonly string[] } = { api: HOST_API, features: HOST_FEATURES },
): { message: string; mend: string } | undefined {
  const { min, max } = host.api;
  const plugin = `${name} ${version}`;
  const speaks = min === max ? `version ${max}` : `versions ${min} to ${max}`;
  if (api > max) {
    return {
      message: `${plugin} is written for version ${api} of the sink contract; this Sluice speaks ${speaks}.`,
      mend: "Update Sluice, or install an older version of the plugin.",
    };
  }
  if (api < min) {
    return {
      message: `${plugin} is written for version ${api} of the sink contract; this Sluice speaks ${speaks}.`,
      mend: "Update the plugin: `sluice plugin update`.",
    };
  }
  const missing = features.filter((feature) => !host.features.includes(feature));
  if (missing.length === 0) return undefined;
  return {
    message: `${plugin} needs what this Sluice does not have: ${missing.join(", ")}.`,
    mend: "Update Sluice, or install an older version of the plugin.",
  };
}
