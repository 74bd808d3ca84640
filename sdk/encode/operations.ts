import type { Leaf } from "../record/fields.ts";

/** How encoders write a value. */
export const TEXT = 0;
export const INT = 1;
export const TIME = 2;
export const BOOLEAN = 3;
export const FLOAT = 4;
export const TEXTS = 5;
export const TEXT_MAP = 6;
export const TEXTS_MAP = 7;
/** Made in JavaScript: of the field, or by a function of the record. */
export const VALUE = 8;
export const COMPUTED = 9;

export const OPERATIONS: { readonly [type in Leaf["type"]]: number } = {
  text: TEXT,
  int64: INT,
  int32: INT,
  uint32: INT,
  float: FLOAT,
  boolean: BOOLEAN,
  time: TIME,
  texts: TEXTS,
  textMap: TEXT_MAP,
  textsMap: TEXTS_MAP,
  errors: VALUE,
};
