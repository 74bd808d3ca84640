import { gatewayLists } from "../log/keys.ts";
import type { DeliveryLog } from "../log/log.ts";
import type { EmbeddedLog, Parts } from "./parts.ts";
import { version } from "./version.ts";

/** The real parts, each loaded when it is needed. */
export const realParts: Parts = {
  async createLog(config, logger): Promise<DeliveryLog> {
    const { leaseMs, chunkRecords, chunkBytes } = config.delivery;
    if (config.log.engine === "disk") {
      const { folder, redis } = config.log;
      if (redis === undefined) return this.createEmbeddedLog(config.log, config.delivery);
      const { openRedisIntake } = await import("../log/redis-intake.ts");
      const { openSqliteLog } = await import("../log/sqlite.ts");
      const lists = gatewayLists(redis.keyPrefix);
      const intake = openRedisIntake({ redis, lists: lists.map(({ name }) => name), chunkRecords, chunkBytes });
      return openSqliteLog({ folder, leaseMs, chunkRecords, chunkBytes }, { lists, intake });
    }
    const { openRedisLog } = await import("../log/redis.ts");
    const warn = logger.child("redis").warn;
    return openRedisLog({ ...config.log, leaseMs, chunkRecords, chunkBytes }, { warn, version: version() });
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
