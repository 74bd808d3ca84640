import { Type } from "@sluice/sdk/schema";
import { decodeObject } from "./decode.ts";
import type { Draft, Values } from "./draft.ts";
import { complete } from "./fields.ts";
import type { Json, ObjectJson } from "./json.ts";
import type { PumpEntry } from "./pumps.ts";
import { Pump, type PumpConf } from "./schema.ts";
import type { SinkInputs } from "./sinks.ts";
import { applyVariables } from "./variables.ts";

/** The sink's name in the log and in metrics: no variable of Tyk Pump's can name a pump so. */
export const UPTIME_SINK = "uptime-pump";

const PATH = "uptime_pump_config";
const PREFIX = "TYK_PMP_UPTIMEPUMPCONFIG";
/** Of MongoDB's sinks, and this is one by default. */
const LEGACY_PREFIX = "PMP_MONGO_";
const SQL = "sql-uptime";
export const MONGO_UPTIME = "mongo-uptime";

/** What of `uptime_pump_config` is the host's; all else is the sink's. */
const Selector = Type.Object({ uptime_type: Type.String() });

export interface UptimeInputs extends Pick<SinkInputs, "draft" | "variables" | "place"> {
  /** Sink types that there are. */
  types: readonly string[];
  pumps: readonly PumpEntry[];
}

/**
 * Tyk Pump's uptime pump as one more entry: `uptime_pump_config` is its `meta`, `uptime_type` its type ("sql", anything else
 * is MongoDB). None where `dont_purge_uptime_data` is set, or where nothing says where the records are to go.
 */
export function readUptimePump(conf: PumpConf, inputs: UptimeInputs): PumpEntry[] {
  const { draft, variables, types } = inputs;
  const named = (prefix: string) => variables.names(prefix).length > 0;
  const isSet = conf.uptime_pump_config !== undefined || named(`${PREFIX}_`) || named(LEGACY_PREFIX);
  if (conf.dont_purge_uptime_data || !isSet) {
    variables.takeUnread(`${PREFIX}_`);
    if (!conf.dont_purge_uptime_data) reportLeft(null, draft);
    return [];
  }
  const { type, meta } = select(conf.uptime_pump_config, inputs);
  if (!types.includes(type)) {
    variables.takeUnread(`${PREFIX}_`);
    reportLeft(type, draft);
    return [];
  }
  if (inputs.pumps.some(({ name }) => name === UPTIME_SINK)) {
    draft.report(
      "SLUICE_CONFIG_AMBIGUOUS",
      { severity: "error" },
      {
        path: `pumps.${UPTIME_SINK}`,
        message: `"${UPTIME_SINK}" is the name of the sink that uptime_pump_config makes.`,
        mend: "Rename the pump.",
      },
    );
  }
  const pump = complete(Pump, { meta }, true) as Pump;
  const settings = { path: PATH, prefix: PREFIX };
  return [{ name: UPTIME_SINK, path: PATH, pump, type, prefix: PREFIX, inFile: true, inVariables: false, settings }];
}

function select(
  json: Json | undefined,
  { draft, variables, place }: UptimeInputs,
): { type: string; meta: Json | undefined } {
  const values: Values = {};
  const scope = { severity: "error", sink: UPTIME_SINK } as const;
  const [own, meta] = json?.kind === "object" ? split(json) : [undefined, json];
  if (own) decodeObject(Selector, own, PATH, values, { draft, scope, place, loose: true });
  applyVariables(Selector, `${PREFIX}_`, PATH, values, { draft, scope, variables });
  return { type: values.uptime_type === "sql" ? SQL : MONGO_UPTIME, meta };
}

/** The members that the selector knows, and the others. */
function split(json: ObjectJson): [ObjectJson, ObjectJson] {
  const isOwn = ({ key }: { key: string }) => key.toLowerCase() in Selector.properties;
  const others = json.members.filter((member) => !isOwn(member));
  return [
    { ...json, members: json.members.filter(isOwn) },
    { ...json, members: others },
  ];
}

/** `type`: null where nothing is configured. */
function reportLeft(type: string | null, draft: Draft): void {
  const path = "dont_purge_uptime_data";
  const place = draft.isSet(path) ? draft.placeOf(path) : path;
  const left = "they are left where they are";
  if (type === null) {
    draft.report(
      "SLUICE_CONFIG_MISSING",
      { severity: "warning" },
      {
        place,
        message: `Uptime records are to be delivered, but uptime_pump_config does not say where to; ${left}.`,
        mend: `Write it, or set "${path}": true to say that this is meant.`,
      },
    );
    return;
  }
  draft.report(
    "SLUICE_CONFIG_NOT_BUILT",
    { severity: "warning" },
    {
      place,
      message: `Uptime records are to be delivered, but no plugin in plugins.lock.json has the sink type "${type}"; ${left}.`,
      mend: `Install one, or set "${path}": true.`,
    },
  );
}
