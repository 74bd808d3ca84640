import type { BulkReader } from "./bulk-reader.ts";
import type { Credential } from "./credentials.ts";
import { LogError } from "./errors.ts";
import type { Script } from "./scripts.ts";

/** Replies as RESP2 gives them; bulk strings are Buffers in `sendBuffers`, else strings. */
export type Reply = null | number | string | Buffer | Error | Reply[];

export type Argument = string | number | Buffer;

/** Sends one command; `about` is the key that it is about, which an error names. */
export type Send = (command: string, args: readonly Argument[], about: string) => Promise<Reply>;

/** The way to the server that has one list: short commands, those of one turn of the event loop in one write. */
export interface Connection {
  readonly send: Send;
  readonly sendBuffers: Send;
  run(script: Script, keys: readonly string[], args: readonly Argument[], about: string): Promise<Reply>;
  /** A second connection to the same server, for LRANGE alone. */
  readonly reader: Pick<BulkReader, "range" | "reset">;
  /** The server, host:port. */
  readonly where: string;
  /** ms of the monotonic clock; null while away. */
  readonly connectedAt: number | null;
  /** The server's clock minus ours, ms, as of the last connect. */
  readonly clockOffset: number;
  /** Rises with every connect, and when the list moves to another server. */
  readonly epoch: number;
}

/** All connections of a log, whatever the topology. */
export interface Link extends Route {
  /** As DeliveryLog's. */
  signIn(credential: Credential): void;
}

/** The way to each key. */
export interface Route {
  /** Starts to connect, for ever; resolves when ready or throws after the timeout (and goes on trying). */
  connect(): Promise<void>;
  /** To the server that has this key and those with the same hash tag. */
  to(key: string): Connection;
  close(): void;
}

export function runner(send: Send): Connection["run"] {
  return async (script, keys, args, about) => {
    const tail = [keys.length, ...keys, ...args];
    try {
      return await send("EVALSHA", [script.sha, ...tail], about);
    } catch (error) {
      // Refused before anything ran, so that sending it again is safe even for a claim.
      if (!(error instanceof LogError && /\bNOSCRIPT\b/.test(error.message))) throw error;
      return send("EVAL", [script.source, ...tail], about);
    }
  };
}
