import { decodeObject, join, type Place } from "../decode.ts";
import type { Draft, Values } from "../draft.ts";
import { complete } from "../fields.ts";
import { type Json, parseJson } from "../json.ts";
import { nearest } from "../nearest.ts";
import type { Variables } from "../variables.ts";
import { isReference, parseReferences } from "./reference.ts";
import { OTHER_STORE_TYPES, STORE_TYPES, type StoreConfig, StoreEntry, type StoreType } from "./schema.ts";

/** One entry of `kv.stores`, read. */
export interface StoreSettings {
  name: string;
  /** Null: its settings cannot be used; a problem says why. */
  store: StoreConfig | null;
  required: boolean;
  /** Its settings refer to secrets that are not known yet. */
  waits: boolean;
}

const VARIABLE = "TYK_PMP_KV_STORES";

/** The stores of the file, and over them, by name and each as a whole, those of TYK_PMP_KV_STORES. */
export function readStores(
  file: { readonly [name: string]: Json },
  place: Place,
  variables: Variables,
  draft: Draft,
): StoreSettings[] {
  const stores = new Map(Object.entries(file).map(([name, json]) => [name, { json, place }]));
  const text = variables.read(VARIABLE);
  if (text !== undefined) {
    const json = parseJson(text);
    if ("fault" in json || json.kind !== "object") {
      draft.report("SLUICE_CONFIG_BAD_VALUE", WARNING, {
        place: VARIABLE,
        message: "The value must be a JSON object of secret stores by name.",
        mend: 'Write {"name": {"type": …, "config": {…}}}.',
      });
    } else
      for (const { key, value } of json.members)
        stores.set(key, { json: value, place: (_, path) => `${VARIABLE} ${path}` });
  }
  return [...stores].map(([name, { json, place }]) => readStore(name, json, place, variables, draft));
}

const ERROR = { severity: "error" } as const;
/** As other variables that cannot be read; a reference that needs it is an error of its own. */
const WARNING = { severity: "warning" } as const;

function readStore(name: string, json: Json, place: Place, variables: Variables, draft: Draft): StoreSettings {
  const path = `kv.stores.${name}`;
  const entry = { type: "", required: false, config: undefined as Json | undefined };
  const how = { draft, scope: ERROR, place, loose: false };
  const waits = refersToUnknown(json, draft);
  const unusable = { name, store: null, required: entry.required, waits };
  if (json.kind !== "object") {
    draft.report("SLUICE_CONFIG_WRONG_TYPE", ERROR, {
      place: place(json.at, path),
      message: `${path} must be an object, but is a ${json.kind}.`,
      mend: 'Write {"type": …, "config": {…}}.',
    });
    return unusable;
  }
  decodeObject(StoreEntry, json, path, entry, how);
  const scope = { severity: entry.required ? "error" : "warning" } as const;
  if (!Object.hasOwn(STORE_TYPES, entry.type)) {
    draft.report("SLUICE_CONFIG_SECRET_STORE", scope, {
      path: draft.isSet(`${path}.type`) ? `${path}.type` : path,
      ...aboutType(entry.type),
    });
    return { ...unusable, required: entry.required };
  }
  const type = entry.type as StoreType;
  const values: Values = {};
  const before = draft.problems.length;
  if (entry.config?.kind === "object") decodeObject(STORE_TYPES[type], entry.config, join(path, "config"), values, how);
  else if (entry.config !== undefined && entry.config.kind !== "null") {
    draft.report("SLUICE_CONFIG_WRONG_TYPE", scope, {
      path: `${path}.config`,
      message: `${path}.config must be an object, but is a ${entry.config.kind}.`,
      mend: 'Write "config": {…}.',
    });
  }
  const failed = draft.problems.slice(before).some(({ severity }) => severity === "error");
  const config = complete(STORE_TYPES[type], values, true);
  if (type === "env" && typeof values.prefix === "string" && values.prefix !== "") variables.takeUnread(values.prefix);
  reportFault(name, path, draft);
  return { name, store: failed ? null : ({ type, config } as StoreConfig), required: entry.required, waits };
}

function aboutType(type: string): { message: string; mend: string } {
  const there = Object.keys(STORE_TYPES);
  if (type === "") return { message: "A secret store needs a type.", mend: `Write one of ${there.join(", ")}.` };
  if (OTHER_STORE_TYPES.includes(type)) {
    return {
      message: `Secret stores of type ${type} are not built yet.`,
      mend: `Have its secrets mounted as files or set as variables, and use one of ${there.join(", ")}.`,
    };
  }
  const close = nearest(type, there);
  return {
    message: `There is no type ${JSON.stringify(type)} of secret store; there are: ${there.join(", ")}.`,
    mend: close === undefined ? "Correct it." : `Did you mean "${close}"?`,
  };
}

function reportFault(name: string, path: string, draft: Draft): void {
  const fault = draft.secrets.faultOf(name);
  if (!fault) return;
  draft.report("SLUICE_CONFIG_SECRET_STORE", ERROR, {
    path,
    message: `The secret store "${name}" is required and cannot be used: ${fault.message}`,
    mend: fault.mend,
  });
}

function refersToUnknown(json: Json, draft: Draft): boolean {
  if (json.kind === "object") return json.members.some(({ value }) => refersToUnknown(value, draft));
  if (json.kind === "array") return json.items.some((item) => refersToUnknown(item, draft));
  if (json.kind !== "string" || !isReference(json.value)) return false;
  const parts = parseReferences(json.value);
  return (
    !("error" in parts) && parts.some((part) => typeof part !== "string" && draft.secrets.read(part) === undefined)
  );
}
