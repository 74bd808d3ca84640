import { csvEncoder } from "./csv.ts";
import { jsonEncoder } from "./json.ts";

export type { CsvColumn, CsvOptions } from "./csv.ts";
export type { EncodedPage, Encoder } from "./pages.ts";
export type { JsonOptions, Shape } from "./shape.ts";

/** From bytes to bytes: encoders read the slots of a batch's records and make no JavaScript objects of them. */
export const encode = {
  csv: csvEncoder,
  json: jsonEncoder,
};
