import { decodeObject, type Place } from "./decode.ts";
import type { Draft, Values } from "./draft.ts";
import { complete } from "./fields.ts";
import type { Json } from "./json.ts";
import { TYK_TYPES } from "./reference.ts";
import { Pump } from "./schema.ts";
import { applyVariables, type Variables } from "./variables.ts";

const PREFIX = "TYK_PMP_PUMPS_";

/** One pump after file and variables; its `meta` is still as the file has it. */
export interface PumpEntry {
  /** The key in lower case. */
  name: string;
  /** Where its values stand in the draft. */
  path: string;
  pump: Pump;
  /** Sink type, lower case. */
  type: string;
  /** Prefix of its common variables. */
  prefix: string;
  inFile: boolean;
  /** At least one `TYK_PMP_PUMPS_<NAME>_…` variable exists. */
  inVariables: boolean;
  /** Where the sink's own settings stand, and the prefix of their variables, where that is not `meta`. */
  settings?: { path: string; prefix: string };
}

/**
 * The pumps of the file and of the variables, by name: a key and a variable's name that differ by letter case only are one.
 * A name that is a sink type decides the type as soon as one of its variables exists, as in Tyk Pump.
 */
export function readPumps(
  file: { [key: string]: Json },
  place: Place,
  variables: Variables,
  ownTypes: readonly string[],
  draft: Draft,
): PumpEntry[] {
  const known = new Set([...TYK_TYPES, ...ownTypes]);
  const inFile = uniqueByCase(replaced(variables, draft) ? {} : file, draft);
  const inVariables = namesInVariables(variables);
  const names = new Set([...inFile.keys(), ...inVariables]);
  const entries: PumpEntry[] = [];
  for (const name of names) {
    const [key, json] = inFile.get(name) ?? [name, undefined];
    const path = `pumps.${key}`;
    const scope = { severity: "warning", sink: name } as const;
    const values: Values = {};
    if (json?.kind === "object") decodeObject(Pump, json, path, values, { draft, scope, place, loose: false });
    else if (json !== undefined && json.kind !== "null") {
      draft.report(
        "SLUICE_CONFIG_WRONG_TYPE",
        { severity: "error", sink: name },
        {
          path,
          message: `${path} must be an object, but is a ${json.kind}.`,
          mend: 'Write {"type": …, "meta": {…}}.',
        },
      );
      continue;
    }
    const prefix = `${PREFIX}${name.toUpperCase()}_`;
    const byVariables = inVariables.has(name);
    const fileType = (values.type as string | undefined) ?? "";
    if (byVariables) applyVariables(Pump, prefix, path, values, { draft, scope, variables });
    const pump = complete(Pump, values, true) as Pump;
    const type = typeOf(name, fileType, pump.type, byVariables && known.has(name), path, draft);
    if (type === "" && json === undefined) {
      // Where only `meta` has variables they may be those of a type.
      if (Object.keys(values).length === 0) continue;
      reportNoType(name, variables.names(prefix)[0]!, draft);
      variables.takeUnread(prefix);
      continue;
    }
    entries.push({
      name,
      path,
      pump,
      type: type || name,
      prefix,
      inFile: json !== undefined,
      inVariables: byVariables,
    });
  }
  return entries;
}

/**
 * Variables of a pump that has no type and that no sink of another name reads. To be asked when all sinks are built: a
 * prefix such as TYK_PMP_PUMPS_MONGOAGGREGATE_ belongs to a type, not to a pump.
 */
export function reportTypeless(pumps: readonly PumpEntry[], variables: Variables, draft: Draft): void {
  for (const name of namesInVariables(variables)) {
    const prefix = `${PREFIX}${name.toUpperCase()}_`;
    if (pumps.some((pump) => pump.name === name)) continue;
    const [unread] = variables.takeUnread(prefix);
    if (unread !== undefined) reportNoType(name, unread, draft);
  }
}

function reportNoType(name: string, place: string, draft: Draft): void {
  const upper = name.toUpperCase();
  draft.report(
    "SLUICE_CONFIG_UNKNOWN_TYPE",
    { severity: "warning" },
    {
      place,
      message: `Neither the name ${upper} nor a variable ${PREFIX}${upper}_TYPE says which sink this is.`,
      mend: `Set ${PREFIX}${upper}_TYPE.`,
    },
  );
}

function typeOf(
  name: string,
  fileType: string,
  type: string,
  nameDecides: boolean,
  path: string,
  draft: Draft,
): string {
  if (!nameDecides) return type.toLowerCase();
  const other = [type, fileType].find((one) => one !== "" && one.toLowerCase() !== name);
  if (other !== undefined) {
    draft.report(
      "SLUICE_CONFIG_AMBIGUOUS",
      { severity: "warning", sink: name },
      {
        path: `${path}.type`,
        message: `The name decides: there are ${PREFIX}${name.toUpperCase()}_ variables, so this is a ${name} sink, not ${JSON.stringify(other)}.`,
        mend: "Give it a name that is no sink type.",
      },
    );
  }
  return name;
}

/** By lower-case name; of keys that differ only by case the last counts. */
function uniqueByCase(file: { [key: string]: Json }, draft: Draft): Map<string, [key: string, json: Json]> {
  const unique = new Map<string, [string, Json]>();
  for (const [key, json] of Object.entries(file)) {
    const name = key.toLowerCase();
    const earlier = unique.get(name);
    if (earlier) {
      draft.report(
        "SLUICE_CONFIG_REPEATED",
        { severity: "warning", sink: name },
        {
          path: `pumps.${key}`,
          message: `"${earlier[0]}" and "${key}" are one name; the last one counts, wholly.`,
          mend: "Rename or remove one.",
        },
      );
      unique.delete(name);
    }
    unique.set(name, [key, json]);
  }
  return unique;
}

/** `TYK_PMP_PUMPS_<NAME>_…`: the name has no underscore and is in capitals. */
function namesInVariables(variables: Variables): Set<string> {
  const names = new Set<string>();
  for (const variable of variables.names(PREFIX)) {
    const [name, ...rest] = variable.slice(PREFIX.length).split("_");
    if (rest.length > 0 && name !== "" && name === name!.toUpperCase()) names.add(name.toLowerCase());
  }
  return names;
}

/** The bare TYK_PMP_PUMPS set to nothing takes the file's pumps away. */
function replaced(variables: Variables, draft: Draft): boolean {
  const bare = variables.read("TYK_PMP_PUMPS");
  if (bare === undefined) return false;
  const empty = bare.trim() === "";
  draft.report(
    "SLUICE_CONFIG_AMBIGUOUS",
    { severity: "warning" },
    {
      place: "TYK_PMP_PUMPS",
      message: empty
        ? "It is set to nothing, which removes every pump of the file."
        : "It cannot be read as pumps and is ignored.",
      mend: "Unset it; pumps are set by TYK_PMP_PUMPS_<NAME>_… variables.",
    },
  );
  return empty;
}
