import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConformanceFile } from "@sluice/sdk/testing";
import { parseRows } from "./testing/parse-rows.ts";

/** A folder of files, read back as a spreadsheet would. */
const file: ConformanceFile = {
  csv() {
    const folder = mkdtempSync(join(tmpdir(), "sluice-csv-"));
    return {
      config: { csv_dir: folder },
      readBack: () =>
        readdirSync(folder)
          .filter((name) => name.endsWith(".csv"))
          .flatMap((name) => [...parseRows(readFileSync(join(folder, name), "utf8"))].slice(1).map((row) => row[2]!)),
      end: () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};

export default file;
