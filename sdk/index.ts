/** All that a plugin may import. */
export { type Encoder, encode, type Shape, type SqlColumn } from "./encode/index.ts";
export { F, fields, UptimeF } from "./record/fields.ts";
export type * from "./record/types.ts";
export { type Static, type TSchema, Type } from "./schema/index.ts";
export type * from "./sink/context.ts";
export * from "./sink/definition.ts";
export * from "./sink/errors.ts";
