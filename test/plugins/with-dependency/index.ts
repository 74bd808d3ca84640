import { appendFile } from "node:fs/promises";
import { defineSink, Type } from "@sluice/sdk";
import { nanoid } from "nanoid";

/** `<tag> <identity> <path>`, a line a record. */
export default defineSink({
  type: "tagged-lines",
  config: Type.Object({
    file: Type.String({ minLength: 1, path: "write", description: "Records are appended here." }),
    tag_length: Type.Integer({ default: 8, minimum: 1, maximum: 64, description: "Characters of a run's tag." }),
  }),
  async open({ config, log }) {
    const tag = nanoid(config.tag_length);
    log.info(`this run is ${tag}, owned by ${process.env.TAGGED_LINES_OWNER ?? "nobody"}`);
    return {
      async write(batch) {
        let lines = "";
        for (const record of batch) lines += `${tag} ${record.id} ${record.path}\n`;
        await appendFile(config.file, lines);
      },
    };
  },
});
