/** What runs around a plugin in its thread. Not part of the contract: core and the test kit use it. */
export * from "./protocol.ts";
