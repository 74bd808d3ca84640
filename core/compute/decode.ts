import type { Wire } from "@sluice/sdk";
import { compilePrepare, createScanner, objectOf, pageOf } from "@sluice/sdk/record";
import type { Prepare } from "@sluice/sdk/runtime";
import { kindOf } from "../log/keys.ts";
import { unpackRecords } from "./packed.ts";

export interface DecodeRequest {
  wire: Wire;
  /** As `packRecords` makes it. */
  packed: Uint8Array;
  /** As a sink gets them; null: as they are. */
  prepare: Prepare | null;
  /** Blanks what is personal. */
  redact: boolean;
}

export interface Decoded {
  /** False: filters leave it out. */
  taken: boolean;
  /** By the JSON names of fields; null: it cannot be read. */
  record: { [field: string]: unknown } | null;
}

/** Fields, by their JSON names at the top, that may tell of a person, or hold what one sent. */
const PERSONAL = [
  ...["api_key", "oauth_id", "alias", "ip_address", "geo", "user_agent", "tags", "raw_request", "raw_response"],
  ...["graphql_stats"],
];
const BLANK = "***";

/** Records as a sink's thread would see them, with the same code. */
export function decode({ wire, packed, prepare, redact }: DecodeRequest): Decoded[] {
  const records = unpackRecords(packed);
  const { table, unreadable } = createScanner().scan(pageOf(records, wire));
  const kind = kindOf(wire);
  let taken: ReadonlySet<number> | null = null;
  if (prepare !== null) {
    // Apart, so that what the filters leave out is prepared too: it may hold what is to be omitted.
    taken = new Set(compilePrepare({ ...prepare, ...AS_IT_IS }, kind)(table, unreadable).rows);
    compilePrepare({ ...prepare, filters: NO_FILTERS }, kind)(table, unreadable);
  }
  const bad = new Set(unreadable.map(({ row }) => row));
  return records.map((_, row) => {
    if (bad.has(row)) return { taken: false, record: null };
    const record = objectOf(table, row);
    return { taken: taken?.has(row) ?? true, record: redact ? redacted(record) : record };
  });
}

const AS_IT_IS: Omit<Prepare, "filters"> = {
  ...{ omit: false, trim: 0, ignore: [], decodeRequest: false, decodeResponse: false },
};
const NO_FILTERS: Prepare["filters"] = {
  ...{ skipApiIds: [], skipOrgIds: [], skipResponseCodes: [], apiIds: [], orgIds: [], responseCodes: [] },
};

function redacted(record: { [field: string]: unknown }): { [field: string]: unknown } {
  const blank = { ...record };
  for (const name of PERSONAL) if (blank[name]) blank[name] = BLANK;
  return blank;
}
