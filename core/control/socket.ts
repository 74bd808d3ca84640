import { once } from "node:events";
import { chmodSync, rmdirSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { LIMITS } from "../admin/listen.ts";
import type { Logger } from "../logging/logger.ts";
import type { Control } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import { type Instance, makeFolder } from "./instance.ts";
import { controlRoutes, errorBody } from "./routes.ts";

/** Of the owner's commands, and whatever watches. */
const CONNECTIONS = 32;
/** An answer may take as long as a profile. */
const IDLE_MS = 150_000;
/** What a path of a socket may have on every system, bytes. */
const PATH_BYTES = 103;
/** What a pump that lives takes to accept a connection, even while it is busy. */
const PROBE_MS = 5000;

export interface ControlSocket {
  /** Ends the server and all connections. */
  close(): Promise<void>;
}

/**
 * Serves the control interface to the owner of the process. A socket that nobody serves any more is replaced. Throws
 * ControlError: another pump serves this one, the folder is not to be trusted, it cannot listen.
 */
export async function serveControl(
  control: Control,
  instance: Instance,
  logger: Pick<Logger, "error">,
): Promise<ControlSocket> {
  const { socket, folder } = instance;
  if (Buffer.byteLength(socket) > PATH_BYTES) {
    throw new ControlError(
      CONTROL_ERROR_CODES.listen,
      `The path ${socket} is too long for a socket: set SLUICE_RUN_DIR to a shorter folder.`,
    );
  }
  makeFolder(instance);
  const { fetch } = controlRoutes(control, logger);
  const server = createServer(
    LIMITS,
    getRequestListener((request) => refusal(request) ?? fetch(request)),
  );
  server.setTimeout(IDLE_MS);
  server.maxConnections = CONNECTIONS;
  await listen(server, socket);
  chmodSync(socket, 0o600);
  server.on("error", (error) => logger.error("The control socket had an error", { error }));
  return {
    async close() {
      // It also removes the socket.
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      try {
        rmdirSync(folder);
      } catch {
        // A log, or the files of a daemon, stay.
      }
    },
  };
}

async function listen(server: Server, socket: string): Promise<void> {
  try {
    await tryListen(server, socket);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cannotListen(socket, error);
    if (await isServed(socket)) {
      throw new ControlError(
        CONTROL_ERROR_CODES.inUse,
        `Another pump that runs on this configuration has the socket ${socket}: commands reach that one.`,
        { cause: error },
      );
    }
    try {
      unlinkSync(socket);
      await tryListen(server, socket);
    } catch (cause) {
      throw cannotListen(socket, cause);
    }
  }
}

function cannotListen(socket: string, cause: unknown): ControlError {
  return new ControlError(
    CONTROL_ERROR_CODES.listen,
    `The socket ${socket} cannot be opened: set SLUICE_RUN_DIR to a folder that this user can write.`,
    { cause },
  );
}

async function tryListen(server: Server, socket: string): Promise<void> {
  server.listen(socket);
  await once(server, "listening");
}

/** Whether somebody accepts connections. */
function isServed(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(socket);
    const end = (served: boolean) => {
      client.destroy();
      resolve(served);
    };
    client.setTimeout(PROBE_MS, () => end(true));
    client.once("connect", () => end(true));
    client.once("error", ({ code }: NodeJS.ErrnoException) => end(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}

/** What only a browser sends: the way here is a proxy then, which somebody's page must not use. */
const OF_BROWSERS = ["Origin", "Referer", "Sec-Fetch-Site", "Access-Control-Request-Method"];
const HOSTS: ReadonlySet<string> = new Set(["sluice", "localhost"]);

function refusal({ headers }: Request): Response | null {
  if (HOSTS.has(headers.get("Host") ?? "") && !OF_BROWSERS.some((name) => headers.has(name))) return null;
  const message = "This socket serves commands, not browsers. Send `Host: localhost` and none of a browser's headers.";
  return Response.json(errorBody(new ControlError(CONTROL_ERROR_CODES.denied, message)), { status: 403 });
}
