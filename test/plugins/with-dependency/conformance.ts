import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConformanceFile } from "@sluice/sdk/testing";

const file: ConformanceFile = {
  "tagged-lines": () => {
    const folder = mkdtempSync(join(tmpdir(), "tagged-lines-"));
    const output = join(folder, "lines.txt");
    return {
      config: { file: output },
      readBack() {
        const text = existsSync(output) ? readFileSync(output, "utf8") : "";
        const lines = text.split("\n").filter(Boolean);
        return lines.map((line) => line.split(" ")[2] ?? "");
      },
      end: () => rmSync(folder, { recursive: true }),
    };
  },
};

export default file;
