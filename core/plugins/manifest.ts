import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/** The `sluice` key of a plugin's package.json. */
const SluiceKey = Type.Object(
  {
    api: Type.Integer({ minimum: 1 }),
    entry: Type.String({ pattern: "^\\./" }),
    types: Type.Array(Type.String(), { minItems: 1 }),
    permissions: Type.Record(Type.String(), Type.Unknown()),
    isolation: Type.Union([Type.Literal("worker"), Type.Literal("process")]),
    features: Type.Array(Type.String()),
  },
  { additionalProperties: false },
);

const Manifest = Type.Object({
  name: Type.String({ minLength: 1 }),
  version: Type.String({ minLength: 1 }),
  sluice: SluiceKey,
});

export type Manifest = Static<typeof Manifest>;

/** A package that is no plugin, or one whose entry does not hold what its manifest says. */
export class PluginError extends Error {
  readonly code: "SLUICE_PLUGIN_MANIFEST" | "SLUICE_PLUGIN_ENTRY";

  constructor(code: PluginError["code"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "PluginError";
    this.code = code;
  }
}

/** Reads and checks the manifest of the package in `folder`. Throws PluginError. */
export function readManifest(folder: string): Manifest {
  const file = join(folder, "package.json");
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new PluginError("SLUICE_PLUGIN_MANIFEST", `${file} cannot be read as JSON. Correct it.`, error);
  }
  if (!Value.Check(Manifest, json)) {
    const [fault] = [...Value.Errors(Manifest, json)];
    throw new PluginError("SLUICE_PLUGIN_MANIFEST", `${file} ${fault?.path || "/"}: ${fault?.message}. Correct it.`);
  }
  return json;
}
