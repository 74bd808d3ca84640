import type { Schema } from "../core/config/fields.ts";
import type { PluginLock } from "../core/plugins/lock.ts";
import { fillTables, table } from "./settings-tables.ts";

/** The text of a page of docs/sinks with each `<!-- table TYPE -->` … `<!-- end -->` filled anew: the options of that sink type. */
export function withSinkTables(document: string, { plugins }: PluginLock): string {
  const schemas = new Map(plugins.flatMap(({ types }) => types.map(({ type, schema }) => [type, schema as Schema])));
  return fillTables(document, (type) => {
    const schema = schemas.get(type);
    return schema && table(schema, "", "", true);
  });
}
