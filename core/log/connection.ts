import { Redis } from "ioredis";
import type { RedisLogConfig } from "../config/config.ts";
import { isLogError, LOG_ERROR_CODES, LogError, replyError, unavailable } from "./errors.ts";
import type { Script } from "./scripts.ts";

/** Replies as RESP2 gives them; bulk strings are Buffers in `sendBuffers`, else strings. */
export type Reply = null | number | string | Buffer | Error | Reply[];

export type Argument = string | number;

/** Sends one command; the first key, or what stands for it, is `args[0]` unless `about` says otherwise. */
export type Send = (command: string, args: readonly Argument[], about: string) => Promise<Reply>;

/** The control connection: short commands, those of one turn of the event loop in one write. */
export interface Connection {
  readonly send: Send;
  readonly sendBuffers: Send;
  run(script: Script, keys: readonly string[], args: readonly Argument[], about: string): Promise<Reply>;
  /** Starts to connect, for ever; resolves when ready or throws after the timeout (and goes on trying). */
  connect(): Promise<void>;
  close(): void;
  /** ms of the monotonic clock; null while away. */
  readonly connectedAt: number | null;
  /** The server's clock minus ours, ms, as of the last connect. */
  readonly clockOffset: number;
  /** Rises with every connect. */
  readonly epoch: number;
}

export interface ConnectionOptions {
  /** Wraps every command: tests break the protocol here to see that they notice. */
  intercept?: ((send: Send) => Send) | undefined;
  onClose(): void;
}

interface Queued {
  command: string;
  args: readonly Argument[];
  about: string;
  buffers: boolean;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

export function openConnection(config: RedisLogConfig, options: ConnectionOptions): Connection {
  const where = `${config.host}:${config.port}`;
  const redis = new Redis({
    host: config.host,
    port: config.port,
    ...(config.username !== "" && { username: config.username }),
    ...(config.password !== "" && { password: config.password }),
    db: config.database,
    protocol: 2,
    lazyConnect: true,
    disableClientInfo: true,
    // A resent claim would move the new live list over the old chunk.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    // Zero: whatever waits for a reply fails as soon as the connection does.
    maxRetriesPerRequest: 0,
    // INFO may be refused; `settle` waits until the data set is loaded.
    enableReadyCheck: false,
    connectTimeout: config.timeoutMs,
    socketTimeout: config.timeoutMs,
    retryStrategy: (times) => Math.min(2000, 25 * 2 ** Math.min(times, 7)) * (0.5 + Math.random() / 2),
    // A master that became a replica keeps its connections; its name may lead to the new master.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });

  let queue: Queued[] = [];
  let connectedAt: number | null = null;
  let clockOffset = 0;
  let epoch = 0;
  let closed = false;
  let lastError: unknown;
  const waiters: (() => void)[] = [];

  const enqueue = (queued: Queued) => {
    if (queue.push(queued) === 1) setImmediate(flush);
  };

  const flush = async () => {
    const batch = queue;
    queue = [];
    if (redis.status !== "ready") {
      for (const { reject } of batch) reject(unavailable(where, lastError));
      return;
    }
    const pipeline = redis.pipeline();
    for (const { command, args, buffers } of batch) {
      if (buffers) pipeline.callBuffer(command, ...args.map(String));
      else pipeline.call(command, ...args.map(String));
    }
    const replies = await pipeline.exec();
    for (const [i, { command, about, resolve, reject }] of batch.entries()) {
      const [error, reply] = replies?.[i] ?? [new Error("no reply"), null];
      if (error === null) resolve(reply as Reply);
      // Only the text: an error of the client holds the command's arguments.
      else if (error.name === "ReplyError") reject(replyError(error.message, command, about));
      else reject(unavailable(where, new Error(error.message)));
    }
  };

  const sender = (buffers: boolean): Send => {
    const send: Send = (command, args, about) =>
      new Promise((resolve, reject) => enqueue({ command, args, about, buffers, resolve, reject }));
    return options.intercept?.(send) ?? send;
  };
  const send = sender(false);

  const run: Connection["run"] = async (script, keys, args, about) => {
    const tail = [keys.length, ...keys, ...args];
    try {
      return await send("EVALSHA", [script.sha, ...tail], about);
    } catch (error) {
      // Refused before anything ran, so that sending it again is safe even for a claim.
      if (!(error instanceof LogError && /\bNOSCRIPT\b/.test(error.message))) throw error;
      return send("EVAL", [script.source, ...tail], about);
    }
  };

  /** Connected; now wait until the data is loaded, and read the clock. */
  const settle = async () => {
    const mine = ++epoch;
    while (!closed && mine === epoch && redis.status === "ready") {
      try {
        await send("EXISTS", [`${config.keyPrefix}sluice`], where);
        const time = (await send("TIME", [], where)) as [string, string];
        if (mine !== epoch || redis.status !== "ready") return;
        clockOffset = Number(time[0]) * 1000 + Number(time[1]) / 1000 - Date.now();
        connectedAt = performance.now();
        for (const wake of waiters.splice(0)) wake();
        return;
      } catch (error) {
        lastError = error;
        if (isLogError(error, LOG_ERROR_CODES.auth) || isLogError(error, LOG_ERROR_CODES.refused)) {
          for (const wake of waiters.splice(0)) wake();
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  };

  redis.on("ready", () => void settle());
  redis.on("close", () => {
    connectedAt = null;
    options.onClose();
  });
  redis.on("error", (error: Error) => {
    lastError =
      error.name === "ReplyError" ? replyError(error.message, "the handshake", where) : new Error(error.message);
    if (isLogError(lastError, LOG_ERROR_CODES.auth)) for (const wake of waiters.splice(0)) wake();
  });

  const connect = async () => {
    if (redis.status === "wait") redis.connect().catch(() => undefined);
    if (connectedAt !== null) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      waiters.push(resolve);
      timer = setTimeout(resolve, config.timeoutMs);
    });
    clearTimeout(timer);
    if (connectedAt !== null) return;
    throw lastError instanceof LogError ? lastError : unavailable(where, lastError);
  };

  return {
    send,
    sendBuffers: sender(true),
    run,
    connect,
    close: () => {
      closed = true;
      redis.disconnect();
    },
    get connectedAt() {
      return connectedAt;
    },
    get clockOffset() {
      return clockOffset;
    },
    get epoch() {
      return epoch;
    },
  };
}
