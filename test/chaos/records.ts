import type { AnalyticsRecord } from "@sluice/sdk";
import { encodeMsgpack } from "@sluice/sdk/record";

/** What the gateway pushes: each record has a number, and all its fields follow from that. */
export function recordOf(n: number, large: boolean): Buffer {
  const record = encodeMsgpack({
    ...fieldsOf(n),
    timestamp: { seconds: 1_714_521_600 + n, nanos: 0 },
    responseCode: 200,
    rawResponse: large ? "x".repeat(5000 + (n % 7) * 4000) : "",
  });
  return Buffer.from(record);
}

function fieldsOf(n: number) {
  return { path: `/items/${n}`, apiId: `api${n % 7}`, userAgent: `agent ${(n * 7919) % 10_007}` };
}

/** The number of a record in a sink's hands. Throws if its fields do not belong together: its memory was used again. */
export function numberOf(record: AnalyticsRecord): number {
  const n = Number(record.path.slice("/items/".length));
  const { apiId, userAgent } = fieldsOf(n);
  if (record.apiId !== apiId || record.userAgent !== userAgent) {
    throw new Error(`record ${record.id} is a mixture: ${record.path}, ${record.apiId}, ${record.userAgent}`);
  }
  return n;
}

/** The same of its bytes on the wire. */
export function numberIn(raw: Uint8Array): number {
  return Number(/\/items\/(\d+)/.exec(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString("latin1"))?.[1]);
}
