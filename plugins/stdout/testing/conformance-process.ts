/** Puts the sink through the conformance kit with this process' standard output as its far end; the report goes to standard error. */
import { readFileSync } from "node:fs";
import { conformance } from "@sluice/sdk/testing";
import stdout from "../index.ts";

const output = process.argv[2]!;
const report = await conformance(stdout, {
  config: { format: "json" },
  readBack() {
    const lines = readFileSync(output, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line)["tyk-analytics-record"].path);
  },
});
process.stderr.write(JSON.stringify(report), () => process.exit(0));
