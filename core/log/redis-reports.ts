import type { Connection } from "./connection.ts";
import { keysOf } from "./keys.ts";
import type { ReportLog } from "./log.ts";
import { HOLD, LEAVE } from "./scripts.ts";

/** `me` names this process. */
export function redisReports({ send, run }: Connection, list: string, me: string): ReportLog {
  const { seat } = keysOf(list);
  return {
    async push(reports) {
      if (reports.length === 0) return 0;
      const bytes = reports.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
      return (await send("RPUSH", [list, ...bytes], list)) as number;
    },
    hold: async (ms) => (await run(HOLD, [seat], [me, ms], seat)) === 1,
    async leave() {
      await run(LEAVE, [seat], [me], seat);
    },
  };
}
