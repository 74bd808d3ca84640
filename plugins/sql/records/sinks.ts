import { defineSink, Retryable, Type } from "@sluice/sdk";
import { openDatabase } from "../database/open.ts";
import { connectionSettings } from "../database/settings.ts";

const config = Type.Object({ ...connectionSettings });

const raw = (type: string) =>
  defineSink({
    type,
    config,
    decodes: type !== "sql",
    async open({ config }) {
      const database = await openDatabase(config);
      return {
        async write() {
          throw new Retryable("not built yet");
        },
        close: () => database.close(),
      };
    },
  });

export const rawSinks = [raw("sql"), raw("sql-graph"), raw("sql-mcp")];
