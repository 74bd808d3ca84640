import { resolve } from "node:path";
import { defineSink, encode, Type } from "@sluice/sdk";
import { FIELDS, HEADER } from "./columns.ts";
import { HourlyFile } from "./hourly-file.ts";
import { tryFolder } from "./try-folder.ts";

/** One file an hour, one row a record. */
export default defineSink({
  type: "csv",
  config: Type.Object({
    csv_dir: Type.String({
      default: "",
      path: "write",
      description: "Folder of the files, made if it is not there; empty: the working directory.",
    }),
    plain_numbers: Type.Boolean({
      default: false,
      description:
        "Signed numbers, whole coordinates and months as numbers, where Tyk Pump's files have 18446744073709551615, cut coordinates and English names.",
    }),
    meta_env_prefix: Type.Optional(
      Type.String({ env: "ENVPREFIX", description: "Prefix of the environment variables of this sink." }),
    ),
  }),
  batch: { records: 2000, bytes: 4 << 20, linger: 0 },
  // Rows are encoded while the system takes those before them.
  concurrency: 2,
  check: async ({ config }) => tryFolder(resolve(config.csv_dir)),
  preview({ config }) {
    const rows = encode.csv(FIELDS, { plain: config.plain_numbers });
    return (batch) => Array.from(rows.pages(batch), ({ body }) => Buffer.from(body).toString()).join("");
  },
  async open({ config, log }) {
    const file = new HourlyFile(resolve(config.csv_dir), HEADER, log);
    file.prepare();
    const rows = encode.csv(FIELDS, { plain: config.plain_numbers });
    return {
      async write(batch, call) {
        for (const { body } of rows.pages(batch)) await file.append(body, call);
      },
      async close() {
        file.close();
      },
    };
  },
});
