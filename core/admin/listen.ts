import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface ListenOptions {
  answer: RequestListener;
  /** Empty: every address. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** A connection on which nothing moves for so long is cut off, ms; at least as long as the longest answer may take to begin. */
  idleMs?: number;
}

export interface Listener {
  readonly server: Server;
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
export async function listen({ answer, host, port, idleMs = IDLE_MS }: ListenOptions): Promise<Listener> {
  const server = createServer(LIMITS, answer);
  server.setTimeout(idleMs);
  server.maxConnections = CONNECTIONS;
  server.listen(port, host === "" ? undefined : host);
  await once(server, "listening");
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
