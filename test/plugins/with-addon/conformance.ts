import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConformanceFile } from "@sluice/sdk/testing";
import Database from "better-sqlite3";

const file: ConformanceFile = {
  "row-store": () => {
    const folder = mkdtempSync(join(tmpdir(), "row-store-"));
    return {
      config: { folder },
      readBack() {
        const db = new Database(join(folder, "rows.db"));
        try {
          return db
            .prepare<[], { path: string }>("SELECT path FROM rows")
            .all()
            .map(({ path }) => path);
        } finally {
          db.close();
        }
      },
      repeats: "none",
      end: () => rmSync(folder, { recursive: true }),
    };
  },
};

export default file;
