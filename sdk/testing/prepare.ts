import type { Prepare } from "../runtime/index.ts";

/** Filters and field preparation that change nothing. */
export const NO_PREPARATION: Prepare = {
  filters: { skipApiIds: [], skipOrgIds: [], skipResponseCodes: [], apiIds: [], orgIds: [], responseCodes: [] },
  omit: false,
  trim: 0,
  ignore: [],
  decodeRequest: false,
  decodeResponse: false,
};
