import { isNativeAccelerationEnabled, Unpackr } from "msgpackr";
import { recordMaker } from "./records.ts";

const DECODED = 100_000;

/** CPU ns a record, records a second. */
export interface Decoded {
  cpu: number;
  rate: number;
}

/** What decoding costs before and after `work`, the mean of the two: the machine's speed changes meanwhile. */
export async function around<T>(decode: () => Decoded, work: () => Promise<T>): Promise<[result: T, unit: Decoded]> {
  const before = decode();
  const result = await work();
  const after = decode();
  return [result, { cpu: (before.cpu + after.cpu) / 2, rate: (before.rate + after.rate) / 2 }];
}

/** Decodes records as the backlog has with msgpackr. */
export function decoder(): () => Decoded {
  if (!isNativeAccelerationEnabled) throw new Error("msgpackr runs without its native part: install msgpackr-extract");
  const make = recordMaker(1);
  const records = Array.from({ length: DECODED }, () => make());
  const unpackr = new Unpackr({ useRecords: false });
  return () => {
    const began = performance.now();
    const before = process.cpuUsage();
    let fields = 0;
    for (const record of records) fields += Number(unpackr.unpack(record).Method !== undefined);
    const { user, system } = process.cpuUsage(before);
    if (fields !== DECODED) throw new Error(`msgpackr decoded ${fields} of ${DECODED} records`);
    return { cpu: ((user + system) * 1000) / DECODED, rate: (DECODED / (performance.now() - began)) * 1000 };
  };
}
