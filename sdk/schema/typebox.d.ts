export { Type } from "@sinclair/typebox";
export { Value } from "@sinclair/typebox/value";
