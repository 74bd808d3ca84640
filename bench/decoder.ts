import { isNativeAccelerationEnabled, Unpackr } from "msgpackr";
import { recordMaker } from "./records.ts";

const DECODED = 100_000;

/** Decodes records as the backlog has with msgpackr: CPU ns a record, records a second. */
export function decoder(): () => { cpu: number; rate: number } {
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
