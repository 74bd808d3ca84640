import type { Schema } from "../core/config/fields.ts";
import type { PluginLock } from "../core/plugins/lock.ts";
import { fillTables, table } from "./settings-tables.ts";

/**
 * The text of a page of docs/sinks with each `<!-- table TYPE -->` … `<!-- end -->` filled anew: the options of that sink type.
 * `<!-- table TYPE without OTHER -->`: those that the other type has not.
 */
export function withSinkTables(document: string, { plugins }: PluginLock): string {
  const schemas = new Map(plugins.flatMap(({ types }) => types.map(({ type, schema }) => [type, schema as Schema])));
  return fillTables(document, (name) => {
    const [type, other] = name.split(" without ");
    const schema = schemas.get(type!);
    return schema && table(other === undefined ? schema : without(schema, schemas.get(other)!), "", "", true);
  });
}

function without(schema: Schema, { properties: others = {} }: Schema): Schema {
  const left = Object.entries(schema.properties ?? {}).filter(([key]) => !(key in others));
  return { ...schema, properties: Object.fromEntries(left) };
}
