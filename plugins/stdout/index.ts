import { defineSink, Type } from "@sluice/sdk";
import { jsonLines } from "./json-lines.ts";
import { Output } from "./output.ts";
import { textLines } from "./text-lines.ts";

const FIELD_NAME = "tyk-analytics-record";

/** One line a record on standard output. */
export default defineSink({
  type: "stdout",
  config: Type.Object({
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
  }),
  check: async ({ config }) => `lines of ${config.format === "json" ? "JSON" : "text"}`,
  async open({ config }) {
    const name = config.log_field_name || FIELD_NAME;
    const json = config.format === "json";
    const lines = json ? jsonLines(name, config.use_legacy_payload_format) : textLines(name);
    const output = new Output(!json && config.text_to_stderr ? 2 : 1);
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
