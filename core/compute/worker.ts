import { move } from "piscina";
import type { BatchRequest } from "../demo/batch.ts";
import { generateBatch } from "../demo/generate.ts";
import { packRecords } from "./packed.ts";

/** Tasks of the pool, by name. What they return is moved, not copied. */
export function generate(request: BatchRequest): unknown {
  return move(packRecords(generateBatch(request)));
}
