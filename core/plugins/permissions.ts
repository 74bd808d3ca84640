import { isAbsolute, normalize } from "node:path";
import { type Static, Type } from "@sluice/sdk/schema";

/** More than anybody would read before he agrees. */
const MOST = 100;
const LONGEST = 1000;
const path = Type.String({ maxLength: LONGEST });

/**
 * What a plugin asks for, in its manifest, and what it was granted, in the lock. The `path` keys of the operator's own
 * configuration come on top of it. docs/security.md says what is enforced and what is not.
 */
export const Permissions = Type.Object(
  {
    read: Type.Optional(
      Type.Array(path, { maxItems: MOST, description: "Absolute paths; a folder means all below it." }),
    ),
    write: Type.Optional(
      Type.Array(path, { maxItems: MOST, description: "The same; what may be written may be read." }),
    ),
    env: Type.Optional(
      Type.Array(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*\\*?$", maxLength: LONGEST }), {
        maxItems: MOST,
        description: "Names of variables; a name that ends with * means all that begin so.",
      }),
    ),
    addons: Type.Optional(Type.Boolean({ description: "Native code, which nothing confines." })),
    childProcess: Type.Optional(Type.Boolean({ description: "Other programs, which nothing confines." })),
    worker: Type.Optional(Type.Boolean({ description: "Threads of its own." })),
  },
  { additionalProperties: false },
);

export type Permissions = Static<typeof Permissions>;

const LISTS = ["read", "write", "env"] as const;
const FLAGS = ["addons", "childProcess", "worker"] as const;

const SENTENCES: { [key in (typeof LISTS)[number] | (typeof FLAGS)[number]]: string } = {
  read: "read files",
  write: "write files",
  env: "see the environment variables",
  addons: "run native code, which nothing confines",
  childProcess: "start other programs, which nothing confines",
  worker: "start threads",
};

/** The same in one order, without what says nothing: equal permissions give equal text. */
export function normalPermissions(permissions: Permissions): Permissions {
  const normal: Permissions = {};
  for (const key of LISTS) {
    const values = permissions[key]?.map((value) => (key === "env" ? value : normalize(value)));
    if (values?.length) normal[key] = [...new Set(values)].sort();
  }
  for (const key of FLAGS) if (permissions[key]) normal[key] = true;
  return normal;
}

/** What is wrong with them, or undefined. */
export function faultOfPermissions({ read = [], write = [] }: Permissions): string | undefined {
  for (const path of [...read, ...write]) {
    if (!isAbsolute(path)) return `the path ${JSON.stringify(path)} is not absolute`;
    if (path.includes("*")) return `the path ${JSON.stringify(path)} has a *; a folder already means all below it`;
    if (path.includes("\0")) return "a path has a zero byte";
  }
  return undefined;
}

/** One sentence for each thing that is asked for: `read files: /etc/ssl`. */
export function sentencesOf(permissions: Permissions): string[] {
  const lists = LISTS.flatMap((key) => {
    const values = permissions[key] ?? [];
    return values.length > 0 ? [`${SENTENCES[key]}: ${values.join(", ")}`] : [];
  });
  return [...lists, ...FLAGS.flatMap((key) => (permissions[key] ? [SENTENCES[key]] : []))];
}

/** What `wanted` has beyond `granted`; nothing where it is no wider. */
export function widening(granted: Permissions, wanted: Permissions): Permissions {
  const more: Permissions = {};
  for (const key of LISTS) {
    const values = wanted[key]?.filter((value) => !granted[key]?.some((known) => covers(key, known, value)));
    if (values?.length) more[key] = values;
  }
  for (const key of FLAGS) if (wanted[key] && !granted[key]) more[key] = true;
  return normalPermissions(more);
}

function covers(key: (typeof LISTS)[number], known: string, value: string): boolean {
  if (known === value) return true;
  if (key === "env") return known.endsWith("*") && value.startsWith(known.slice(0, -1));
  const folder = known.endsWith("/") ? known : `${known}/`;
  return normalize(value).startsWith(folder);
}

/** The variables of `env` that are granted. */
export function grantedVariables(
  { env: names = [] }: Permissions,
  env: { readonly [name: string]: string | undefined },
): { [name: string]: string } {
  const granted: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && names.some((known) => covers("env", known, name))) granted[name] = value;
  }
  return granted;
}
