import { defineSink, Fatal, Retryable, Type } from "@sluice/sdk";

const open = () => Promise.reject(new Error("a dry run opened the sink"));

/** Sinks for dry runs: what `check` does is in the type. */
export default [
  defineSink({ type: "fine", config: Type.Object({}), open, check: async () => "version 3, its table is there" }),
  defineSink({
    type: "refuses",
    config: Type.Object({}),
    open,
    check: () => Promise.reject(new Fatal("The password is wrong: hunter2hunter2")),
  }),
  defineSink({
    type: "away",
    config: Type.Object({}),
    open,
    check: () => Promise.reject(new Retryable("It does not answer", { cause: new Error("ECONNREFUSED") })),
  }),
  defineSink({
    type: "exits",
    config: Type.Object({}),
    open,
    check: async () => process.exit(7),
  }),
  defineSink({ type: "silent", config: Type.Object({}), open }),
];
