import type { DeliveryLog } from "../log/log.ts";
import type { EmbeddedLog, Parts } from "./parts.ts";

/** The real parts, each loaded when it is needed. */
export const realParts: Parts = {
  async createLog(config, logger): Promise<DeliveryLog> {
    if (config.log.engine === "disk") return this.createEmbeddedLog(config.log, config.delivery);
    const { openRedisLog } = await import("../log/redis.ts");
    const { leaseMs, chunkRecords, chunkBytes } = config.delivery;
    const warn = logger.child("redis").warn;
    return openRedisLog({ ...config.log, leaseMs, chunkRecords, chunkBytes }, { warn });
  },

  async createEmbeddedLog({ folder }, { leaseMs, chunkRecords, chunkBytes }): Promise<EmbeddedLog> {
    const { openSqliteLog } = await import("../log/sqlite.ts");
    return openSqliteLog({ folder, leaseMs, chunkRecords, chunkBytes });
  },

  async createPump(options) {
    const { createSupervisor } = await import("../supervisor/supervisor.ts");
    return createSupervisor(options);
  },
};
