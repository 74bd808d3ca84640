import type { AddressInfo } from "node:net";
import { type ServerType, serve } from "@hono/node-server";

export interface ListenOptions {
  fetch: Parameters<typeof serve>[0]["fetch"];
  /** Empty: every address. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** A connection on which nothing moves for so long is cut off, ms; at least as long as the longest answer may take to begin. */
  idleMs?: number;
}

export interface Listener {
  readonly server: ServerType;
  /** Where it listens. */
  readonly port: number;
  /** Ends the server and all connections. */
  close(): Promise<void>;
}

/** Clients that send or read slowly, or open many connections, are cut off at these. */
export const LIMITS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
} as const;
const IDLE_MS = 15_000;
const CONNECTIONS = 256;

/** An HTTP server with limits. Throws what Node throws when it cannot listen. */
export async function listen({ fetch, host, port, idleMs = IDLE_MS }: ListenOptions): Promise<Listener> {
  const server = await new Promise<ServerType>((resolve, reject) => {
    const server = serve({ fetch, port, ...(host === "" ? {} : { hostname: host }), serverOptions: { ...LIMITS } });
    if ("setTimeout" in server) server.setTimeout(idleMs);
    server.maxConnections = CONNECTIONS;
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve(server);
    });
  });
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };
}
