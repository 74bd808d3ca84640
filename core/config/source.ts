import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { clip, type Place } from "./decode.ts";
import { DEMO } from "./demo.ts";
import type { Draft } from "./draft.ts";
import { type ObjectJson, parseJson } from "./json.ts";
import type { Problem } from "./problem.ts";
import type { Variables } from "./variables.ts";

/** The file, if there is one that can be used. */
export interface Source {
  json: ObjectJson;
  /** As it is called in problems. */
  name: string;
  /** Absolute; null: no file was read. */
  file: string | null;
  demo: boolean;
  /** Why a file could not be used. */
  problem: Problem | undefined;
  place: Place;
}

export const DEFAULT_FILE = "pump.conf";

/** Of the usual reasons, what a person would say. */
const UNREADABLE: { readonly [code: string]: string } = {
  ENOENT: "There is no such file.",
  EACCES: "This user may not read the file.",
  EISDIR: "It is a folder, not a file.",
};

/** Variables that say where records come from or go to: with one of them this is no demonstration. */
const CONFIGURING = ["TYK_PMP_PUMPS", "TYK_PMP_ANALYTICSSTORAGE", "TYK_PMP_REDIS_", "TYK_PMP_TEMPORAL_STORAGE_"];

/** Reads the given file, or `pump.conf` where there is one, or the demonstration where nothing is configured at all. */
export function readSource(given: string | undefined, cwd: string, variables: Variables, draft: Draft): Source {
  if (variables.read("TYK_PMP_OMITCONFIGFILE")?.toLowerCase() === "true") return { ...NOTHING, name: "variables" };
  const name = given ?? DEFAULT_FILE;
  const file = resolve(cwd, name);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (given !== undefined || code !== "ENOENT") {
      return unusable(
        draft,
        name,
        "SLUICE_CONFIG_UNREADABLE",
        name,
        UNREADABLE[code] ?? `The file cannot be read (${code}).`,
      );
    }
    const configured = CONFIGURING.some((prefix) => variables.names(prefix).length > 0);
    return configured ? { ...NOTHING, name: "variables" } : demonstration();
  }
  const json = parseJson(text);
  if ("fault" in json) {
    const { line, column } = json.fault;
    const what = text.trim() === "" ? "The file is empty." : "The file is not JSON: here is the first error.";
    return unusable(draft, name, "SLUICE_CONFIG_SYNTAX", `${name}:${line}:${column}`, what);
  }
  if (json.kind !== "object") {
    return unusable(
      draft,
      name,
      "SLUICE_CONFIG_WRONG_TYPE",
      `${name}:${json.at.line}:${json.at.column}`,
      `The file must hold an object, not ${json.kind === "array" ? "an" : "a"} ${json.kind}.`,
    );
  }
  const place: Place = ({ line, column }, path) => `${name}:${line}:${column}${path === "" ? "" : ` ${clip(path)}`}`;
  return { json, name, file, demo: false, problem: undefined, place };
}

const NOTHING: Source = {
  json: { kind: "object", at: { line: 1, column: 1 }, members: [] },
  name: "",
  file: null,
  demo: false,
  problem: undefined,
  place: (_at, path) => path,
};

function demonstration(): Source {
  return { ...NOTHING, json: parseJson(DEMO) as ObjectJson, name: "built-in demonstration", demo: true };
}

/** As in Tyk Pump nothing of the file counts then, and the variables alone may do. */
function unusable(
  draft: Draft,
  name: string,
  code: "SLUICE_CONFIG_UNREADABLE" | "SLUICE_CONFIG_SYNTAX" | "SLUICE_CONFIG_WRONG_TYPE",
  place: string,
  message: string,
): Source {
  const problem = draft.report(
    code,
    { severity: "warning" },
    {
      place,
      message: `${message} Nothing of it is used.`,
      mend: "Correct the file, or set TYK_PMP_OMITCONFIGFILE=true to use variables alone.",
    },
  );
  return { ...NOTHING, name, problem };
}
