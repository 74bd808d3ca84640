import { choices, kindOf, mapItem, type Schema, variableSuffix } from "../core/config/fields.ts";
import { Pump, Sluice, Tyk } from "../core/config/schema.ts";
import { STORE_TYPES } from "../core/config/secrets/schema.ts";

/** The tables of docs/configuration.md by the name of their marker, made from the schema. */
export function settingsTables(): { [name: string]: string } {
  const { pumps: _, analytics_storage_config: storage, ...top } = Tyk.properties;
  return {
    sluice: table(Sluice, "sluice.", "SLUICE_"),
    top: table({ properties: top as { [key: string]: Schema } }, "", "TYK_PMP_"),
    pump: table(Pump, "", "TYK_PMP_PUMPS_<NAME>_"),
    storage: table(storage, "", "TYK_PMP_ANALYTICSSTORAGECONFIG_"),
    stores: storesTable(),
  };
}

/** The settings of secret stores have no variables of their own. */
function storesTable(): string {
  const lines = Object.entries(STORE_TYPES).flatMap(([type, config]) =>
    fieldsOf(config, "config.").map(
      ([path, field]) =>
        `| \`${type}\` | \`${path}\` | ${typeName(field)} | ${defaultText(field)} | ${remark(field)} |`,
    ),
  );
  return `| type | key | type of value | default | |\n|---|---|---|---|---|\n${lines.join("\n")}\n`;
}

function fieldsOf(schema: Schema, path: string): [path: string, field: Schema][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]): [string, Schema][] =>
    kindOf(field) === "object" ? fieldsOf(field, `${path}${key}.`) : [[path + key, field]],
  );
}

/** The text of a document with each `<!-- table NAME -->` … `<!-- end -->` filled anew. */
export function withTables(document: string): string {
  const tables = settingsTables();
  return fillTables(document, (name) => tables[name]);
}

/** Throws for a marker whose table is not known. */
export function fillTables(document: string, tableOf: (name: string) => string | undefined): string {
  return document.replace(
    /(<!-- table ([\w -]+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, name: string, end: string) => {
      const text = tableOf(name);
      if (text === undefined) throw new Error(`There is no table "${name}"`);
      return `${start}${text}${end}`;
    },
  );
}

/** One row a field. `prefix`: of the variables. `needs`: whether the schema's `required` is enforced; what is absent is zero otherwise. */
export function table(schema: Schema, path: string, prefix: string, needs = false): string {
  return `| key | variable | type | default | |\n|---|---|---|---|---|\n${rows(schema, path, prefix, needs).join("\n")}\n`;
}

function rows(schema: Schema, path: string, prefix: string, needs: boolean): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) => {
    const name = prefix + variableSuffix(key, field);
    const item = kindOf(field) === "map" ? mapItem(field) : undefined;
    if (kindOf(field) === "object") return rows(field, `${path}${key}.`, `${name}_`, needs);
    if (item && kindOf(item) === "object") return rows(item, `${path}${key}.<name>.`, `${name}_<NAME>_`, needs);
    const variable = kindOf(field) === "raw" ? "" : `\`${name}\``;
    const needed = needs && schema.required?.includes(key) && field.default === undefined;
    const cells = [
      `\`${path}${key}\``,
      variable,
      typeName(field),
      needed ? "required" : defaultText(field),
      remark(field),
    ];
    return [`| ${cells.join(" | ")} |`, ...itemRows(field, `${path}${key}[].`)];
  });
}

/** A list of objects has one variable, which holds JSON. */
function itemRows({ items }: Schema, path: string): string[] {
  return Object.entries(items?.properties ?? {}).map(
    ([key, field]) => `| \`${path}${key}\` | | ${typeName(field)} | ${defaultText(field)} | ${remark(field)} |`,
  );
}

function typeName(field: Schema): string {
  const kind = kindOf(field);
  if (kind === "choice")
    return choices(field)
      .map((one) => `\`${String(one)}\``)
      .join(", ");
  if (kind === "list" && field.items) return `list of ${kindOf(field.items)}s`;
  return kind === "raw" ? "object" : kind;
}

function defaultText(field: Schema): string {
  const value = field.default;
  if (value === undefined) return "";
  if (value === "" || Array.isArray(value)) return `\`${JSON.stringify(value)}\``;
  if (kindOf(field) !== "duration") return `\`${String(value)}\``;
  const ms = Number(value);
  return ms % 1000 === 0 ? `\`${ms / 1000}s\`` : `\`${ms}ms\``;
}

function remark(field: Schema): string {
  const notes = [
    field.description ?? "",
    field.secret ? "Secret." : "",
    field.noEffect ? `No effect: ${field.noEffect}.` : "",
  ];
  return notes.filter(Boolean).join(" ").replaceAll("|", "\\|");
}
