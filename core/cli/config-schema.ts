import { jsonSchemaOf } from "../config/json-schema.ts";
import { readConfiguration } from "./configuration.ts";
import { EXIT } from "./errors.ts";

/** `sluice config schema`: for `"$schema"` of a pump.conf, or an editor's settings. */
export async function configSchema(options: { conf?: string }): Promise<number> {
  const { lock } = await readConfiguration(options);
  process.stdout.write(`${JSON.stringify(jsonSchemaOf(lock), null, 2)}\n`);
  return EXIT.ok;
}
