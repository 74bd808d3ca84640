/** Schemas: built, and values checked against them. TypeBox in one file, for its three hundred modules cost each thread 10 MB. */
export type { Static, TSchema } from "@sinclair/typebox";
export { Type, Value } from "./typebox.js";
