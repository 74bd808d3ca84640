import { join } from "./decode.ts";
import type { Draft, Values } from "./draft.ts";
import { kindOf, type Schema } from "./fields.ts";

/** Says where something is set that has an effect in Tyk Pump and none here. */
export function reportNotices(schema: Schema, values: Values, path: string, draft: Draft): void {
  for (const [key, field] of Object.entries(schema.properties ?? {})) {
    const value = values[key];
    const at = join(path, key);
    if (isZero(value)) continue;
    if (field.noEffect) {
      draft.report(
        "SLUICE_CONFIG_NO_EFFECT",
        { severity: "warning" },
        {
          path: at,
          message: `${at} has no effect here: ${field.noEffect}.`,
          mend: "Remove it.",
        },
      );
    } else if (kindOf(field) === "object") {
      reportNotices(field, value as Values, at, draft);
    }
  }
}

function isZero(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return !value;
}
