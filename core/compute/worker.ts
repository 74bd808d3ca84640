import { move } from "piscina";
import type { BatchRequest } from "../demo/batch.ts";
import { generateBatch } from "../demo/generate.ts";
import type { Analytics } from "./analytics.ts";
import type { Decoded, DecodeRequest } from "./decode.ts";
import { packRecords } from "./packed.ts";

/** Tasks of the pool, by name. What they return is moved, not copied. */
export function generate(request: BatchRequest): unknown {
  return move(packRecords(generateBatch(request)));
}

export async function analytics(file: string): Promise<Analytics> {
  // Only asked at the end: it must not hold up the first record.
  const { analyticsOf } = await import("./analytics.ts");
  return analyticsOf(file);
}

export async function decode(request: DecodeRequest): Promise<Decoded[]> {
  const { decode } = await import("./decode.ts");
  return decode(request);
}
