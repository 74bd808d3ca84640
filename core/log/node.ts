import type { Redis } from "ioredis";
import type { Address, RedisLogConfig } from "../config/config.ts";
import { formatAddress } from "./address.ts";
import { type BulkReader, openBulkReader, type Session } from "./bulk-reader.ts";
import { openClient } from "./client.ts";
import { type Argument, type Connection, type Reply, type Route, runner, type Send } from "./connection.ts";
import { type Credential, type Credentials, handshakeOf } from "./credentials.ts";
import { isLogError, LOG_ERROR_CODES, LogError, NEEDS_NO_PASSWORD, replyError, unavailable } from "./errors.ts";
import { tlsError, tlsOptions } from "./tls.ts";

/** One Redis server: a control connection and a bulk connection beside it, made again for ever. */
export interface RedisNode extends Connection, Route {
  readonly reader: BulkReader;
  /** Where it is, or was last; null: not found yet. */
  readonly address: Address | null;
  /** The same, announced as of a slot that is on its way to this server. */
  readonly asking: { send: Send; sendBuffers: Send };
}

export interface NodeOptions {
  config: Pick<RedisLogConfig, "database" | "timeoutMs" | "keyPrefix" | "tls" | "cluster" | "sentinel">;
  credentials: Credentials;
  /** Asked ahead of every connect. */
  locate(): Promise<Address>;
  /** Wraps every command: tests break the protocol here to see that they notice. */
  intercept?: ((send: Send) => Send) | undefined;
}

interface Queued {
  command: string;
  args: readonly Argument[];
  about: string;
  buffers: boolean;
  asking: boolean;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

const LOADED_PAUSE_MS = 200;
/** A node of a cluster is not asked for what is another's, and answers so. */
const NOT_HERE = /\b(MOVED|ASK|CLUSTERDOWN|TRYAGAIN)\b/;
/** The configuration is at fault: waiting will not mend it. */
const HOPELESS = [LOG_ERROR_CODES.auth, LOG_ERROR_CODES.refused, LOG_ERROR_CODES.tls];

export function openNode({ config, credentials, locate, intercept }: NodeOptions): RedisNode {
  let client: Redis | null = null;
  let address: Address | null = null;
  let session: Session | null = null;
  let queue: Queued[] = [];
  let connectedAt: number | null = null;
  let clockOffset = 0;
  let epoch = 0;
  let started = false;
  let closed = false;
  let lastError: unknown;
  let waiters: (() => void)[] = [];
  let hurry = () => {};

  const where = () => (address === null ? "its address" : formatAddress(address));
  const reader = openBulkReader({ where, session: () => session, ...config });
  const wake = () => {
    const woken = waiters;
    waiters = [];
    for (const resume of woken) resume();
  };
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const away = () => (lastError instanceof LogError ? lastError : unavailable(where(), noAnswer(lastError)));
  /** A port without TLS says nothing at all. */
  const noAnswer = (error: unknown): unknown => {
    const isSilence = error === undefined || (error as Error).message.includes("ETIMEDOUT");
    return config.tls && isSilence ? new Error("no answer; does the port speak TLS?") : error;
  };

  const enqueue = (queued: Queued) => {
    if (queue.push(queued) === 1) setImmediate(flush);
  };

  const flush = async () => {
    const batch = queue;
    queue = [];
    const current = client;
    // Not ahead of the handshake: it might be another database.
    if (current?.status !== "ready" || session === null) {
      for (const { reject } of batch) reject(away());
      return;
    }
    const pipeline = current.pipeline();
    for (const { command, args, buffers, asking } of batch) {
      if (asking) pipeline.call("ASKING");
      if (buffers) pipeline.callBuffer(command, ...args);
      else pipeline.call(command, ...args);
    }
    const replies = (await pipeline.exec()) ?? [];
    let at = 0;
    for (const { command, about, asking, resolve, reject } of batch) {
      if (asking) at++;
      const [error, reply] = replies[at++] ?? [new Error("no reply"), null];
      if (error === null) resolve(reply as Reply);
      // Only the text: an error of the client holds the command's arguments.
      else if (error.name !== "ReplyError") reject(unavailable(where(), new Error(error.message)));
      else {
        reject(replyError(error.message, command, about));
        // A master that became a replica keeps its connections; its name may lead to the new master.
        if (/\bREADONLY\b/.test(error.message)) current.disconnect();
      }
    }
  };

  const sender = (buffers: boolean, asking: boolean): Send => {
    const send: Send = (command, args, about) =>
      new Promise((resolve, reject) => enqueue({ command, args, about, buffers, asking, resolve, reject }));
    return intercept?.(send) ?? send;
  };
  const send = sender(false, false);

  /**
   * One connection, from the first packet to the last; the next is another client's: address, password and certificates may be
   * others by then. Throws why it could not be made; resolves when it is over.
   */
  const live = async () => {
    address = await locate();
    const credential = await credentials.get();
    const tls = config.tls && tlsOptions(config.tls, address.host);
    if (closed) return;
    const { redis: mine, failure } = openClient({
      ...address,
      ...(tls && { tls }),
      // A resent claim would move the new live list over the old chunk.
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      // Zero: whatever waits for a reply fails as soon as the connection does.
      maxRetriesPerRequest: 0,
      connectTimeout: config.timeoutMs,
      socketTimeout: config.timeoutMs,
    });
    client = mine;
    const over = new Promise<void>((resolve) => {
      mine.once("close", () => {
        session = null;
        connectedAt = null;
        // It may come back as another server: never read chunks from the one of before.
        reader.reset("the control connection was lost");
        resolve();
      });
    });
    try {
      await mine.connect();
      await greet(mine, credential);
      session = { address, tls, credential };
      epoch++;
      await settle(mine);
      await over;
      // With TLS 1.3 a certificate may be refused only now.
      const late = failure();
      if (late) remember(named(late));
    } catch (error) {
      throw named(failure() ?? error);
    } finally {
      mine.disconnect();
    }
  };

  /** By hand: the client would write to the console where no password is needed. */
  const greet = async (mine: Redis, credential: Credential) => {
    const answers = handshakeOf(credential, config.database).map(([command, ...args]) =>
      mine.call(command!, ...args).catch((error: Error) => {
        if (!NEEDS_NO_PASSWORD.test(error.message)) throw error;
      }),
    );
    // They come in order: the first that is refused says why.
    await Promise.all(answers);
  };

  const named = (error: unknown): LogError => {
    if (error instanceof LogError) return error;
    const { name, message } = error as Error;
    if (name === "ReplyError") return replyError(message, "the handshake", where());
    return tlsError(where(), error) ?? unavailable(where(), noAnswer(new Error(message)));
  };

  /** Connected; now wait until the data is loaded, and read the clock. */
  const settle = async (mine: Redis) => {
    while (!closed && mine.status === "ready") {
      try {
        await send("EXISTS", [`${config.keyPrefix}sluice`], where()).catch(unlessNotHere);
        if (config.sentinel) await expectMaster();
        const time = (await send("TIME", [], where())) as [string, string];
        if (mine.status !== "ready") return;
        clockOffset = Number(time[0]) * 1000 + Number(time[1]) / 1000 - Date.now();
        connectedAt = performance.now();
        lastError = undefined;
        wake();
        return;
      } catch (error) {
        if (mine.status !== "ready") return;
        remember(error);
        await pause(LOADED_PAUSE_MS);
      }
    }
  };

  const unlessNotHere = (error: unknown) => {
    if (!(config.cluster && error instanceof LogError && NOT_HERE.test(error.message))) throw error;
  };

  /** A Sentinel may name the old master for a while after it became a replica. */
  const expectMaster = async () => {
    const role = (await send("ROLE", [], where()).catch(() => null)) as Reply[] | null;
    if (role === null || role[0] === "master") return;
    client?.disconnect();
    throw unavailable(where(), new Error("it is a replica, and the Sentinels know no other master yet"));
  };

  const remember = (error: unknown) => {
    lastError = error;
    if (HOPELESS.some((code) => isLogError(error, code))) wake();
  };

  const reconnectForEver = async () => {
    for (let failures = 0; !closed; failures++) {
      const before = epoch;
      try {
        await live();
      } catch (error) {
        remember(error);
      }
      if (epoch !== before) failures = 0;
      if (!closed) await pause(Math.min(2000, 25 * 2 ** Math.min(failures, 7)) * (0.5 + Math.random() / 2));
    }
  };

  const connect = async () => {
    if (!started) {
      started = true;
      void reconnectForEver();
    }
    if (connectedAt !== null) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      waiters.push(resolve);
      timer = setTimeout(resolve, config.timeoutMs);
    });
    clearTimeout(timer);
    if (connectedAt !== null) return;
    throw away();
  };

  const unwatch = credentials.watch(async (credential) => {
    if (session === null) return;
    session.credential = credential;
    const { username, password } = credential;
    reader.signIn(credential);
    const args = username === "" ? [password] : [username, password];
    // A connection that may no longer sign in is made anew.
    await send("AUTH", args, where()).catch(() => client?.disconnect());
  });

  const node: RedisNode = {
    send,
    sendBuffers: sender(true, false),
    asking: { send: sender(false, true), sendBuffers: sender(true, true) },
    run: runner(send),
    reader,
    connect,
    to: () => node,
    close: () => {
      closed = true;
      unwatch();
      reader.close();
      client?.disconnect();
      hurry();
      wake();
    },
    get where() {
      return where();
    },
    get address() {
      return address;
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
  return node;
}
