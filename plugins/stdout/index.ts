import { defineSink, type Static, Type } from "@sluice/sdk";
import { jsonLines } from "./json-lines.ts";
import { Output } from "./output.ts";
import { textLines } from "./text-lines.ts";

const FIELD_NAME = "tyk-analytics-record";

const Config = Type.Object({
  format: Type.String({ default: "", description: 'What the lines are: "json", else text.' }),
  log_field_name: Type.String({ default: FIELD_NAME, description: "Key of the record in its line." }),
  use_legacy_payload_format: Type.Boolean({
    default: false,
    description: "JSON: raw requests and responses as they are, instead of on one line and with JSON compacted.",
  }),
  text_to_stderr: Type.Boolean({
    default: false,
    description: "Text: lines go to standard error, where Tyk Pump writes them.",
  }),
  meta_env_prefix: Type.Optional(
    Type.String({ env: "ENVPREFIX", description: "Prefix of the environment variables of this sink." }),
  ),
});

/** One line a record on standard output. */
export default defineSink({
  type: "stdout",
  config: Config,
  check: async ({ config }) => `lines of ${config.format === "json" ? "JSON" : "text"}`,
  preview({ config }) {
    const lines = linesOf(config);
    return (batch) => Array.from(lines(batch), ({ text }) => text.toString()).join("");
  },
  async open({ config }) {
    const lines = linesOf(config);
    const output = new Output(config.format !== "json" && config.text_to_stderr ? 2 : 1);
    return {
      async write(batch, call) {
        for (const page of lines(batch)) {
          await output.write(page.text, call);
          call.wrote(page.batch);
        }
      },
      async close() {
        output.close();
      },
    };
  },
});

function linesOf({ format, log_field_name, use_legacy_payload_format }: Static<typeof Config>) {
  const name = log_field_name || FIELD_NAME;
  return format === "json" ? jsonLines(name, use_legacy_payload_format) : textLines(name);
}
