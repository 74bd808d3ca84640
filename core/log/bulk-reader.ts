import { connect, type Socket } from "node:net";
import type { RedisLogConfig } from "../config/config.ts";
import { LogError, replyError, unavailable } from "./errors.ts";
import { encodeCommand, outOfStep, RangeReply } from "./resp.ts";

/** What one LRANGE put into the slab. */
export interface RangeResult {
  /** Elements that the server sent. */
  received: number;
  /** The first of them, as many as fitted. */
  fitted: number;
  /** Byte offset of the fitted ones' offsets (start, end; 32-bit words). */
  at: number;
  /** Sum of the fitted. */
  bytes: number;
  /** When none fitted: the size of a slab for the first. */
  need: number;
}

export interface RangeRequest {
  key: string;
  from: number;
  count: number;
  slab: SharedArrayBuffer;
  /** A guess of one element's bytes. */
  mean: number;
}

/**
 * A connection for LRANGE only, any number in flight, each into its own slab: the kernel writes into shared memory and
 * no object is made for a record. Connects when asked; a broken connection fails all that is in flight.
 */
export interface BulkReader {
  range(request: RangeRequest): Promise<RangeResult>;
  /** Drops the connection; the next read dials anew. */
  reset(why: string): void;
  close(): void;
}

interface Pending {
  reply: RangeReply;
  command: string;
  /** What an error names. */
  about: string;
  /** Null for the handshake: its refusal fails the connection. */
  caller: { resolve(result: RangeResult): void; reject(error: unknown): void } | null;
}

const SCRATCH_BYTES = 64 * 1024;
const EMPTY = new Uint8Array(0);
const NO_OFFSETS = new Uint32Array(0);

export function openBulkReader(config: RedisLogConfig): BulkReader {
  return new Reader(config);
}

class Reader implements BulkReader {
  readonly #config: RedisLogConfig;
  readonly #where: string;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  /** One reply is parsed at a time, so one scratch serves all. */
  #offsets = NO_OFFSETS;
  #pending: Pending[] = [];
  #socket: Socket | null = null;
  /** The reply whose slab the kernel may be writing into; null: the scratch. */
  #target: RangeReply | null = null;
  #corked = false;
  #failures = 0;
  #redial: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(config: RedisLogConfig) {
    this.#config = config;
    this.#where = `${config.host}:${config.port}`;
  }

  range({ key, from, count, slab, mean }: RangeRequest): Promise<RangeResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(unavailable(this.#where, new Error("the log is closed")));
        return;
      }
      const command = encodeCommand(["LRANGE", key, from, from + count - 1]);
      const expected = Math.ceil(count * (mean + 12)) + 12;
      const reply = new RangeReply(new Uint8Array(slab), count, this.#offsetsFor(count), expected);
      this.#pending.push({ reply, command, about: key, caller: { resolve, reject } });
      if (this.#socket !== null) this.#write(this.#socket, command);
      else this.#dial();
    });
  }

  reset(why: string): void {
    this.#fail(unavailable(this.#where, new Error(why)));
  }

  close(): void {
    this.#closed = true;
    this.reset("the log is closed");
  }

  /** Replies in flight keep the larger one's predecessor: a reply is parsed with the scratch it was made with. */
  #offsetsFor(count: number): Uint32Array {
    if (this.#offsets.length < 2 * count) this.#offsets = new Uint32Array(2 * count);
    return this.#offsets;
  }

  #dial(): void {
    if (this.#socket !== null || this.#redial !== null || this.#closed) return;
    const wait = this.#failures === 0 ? 0 : Math.min(1000, 25 * 2 ** Math.min(this.#failures, 6));
    if (wait === 0) this.#connect();
    else
      this.#redial = setTimeout(() => {
        this.#redial = null;
        this.#connect();
      }, wait);
  }

  #connect(): void {
    const { host, port, username, password, database, timeoutMs } = this.#config;
    const handshake: string[][] = [];
    if (password !== "") handshake.push(username === "" ? ["AUTH", password] : ["AUTH", username, password]);
    if (database !== 0) handshake.push(["SELECT", String(database)]);
    // All in one write: a refused handshake fails what follows it as well.
    const greetings = handshake.map((args) => this.#greeting(encodeCommand(args)));
    this.#pending.unshift(...greetings);
    this.#target = null;
    let socket: Socket | null = null;
    // `net` asks for the first buffer before it gives the socket back.
    const current = () => socket === null || this.#socket === socket;
    socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => (current() ? this.#window() : this.#scratch),
        callback: (bytes: number) => {
          if (current()) this.#received(bytes);
          return true;
        },
      },
    });
    this.#socket = socket;
    socket.setTimeout(timeoutMs, () => {
      if (this.#pending.length > 0 && current()) this.reset(`no answer for ${timeoutMs} ms`);
    });
    const gone = (error?: Error) => {
      if (current()) this.#fail(unavailable(this.#where, error ?? new Error("connection closed")));
    };
    socket.on("error", gone);
    socket.on("end", gone);
    socket.on("close", () => gone());
    for (const { command } of this.#pending) this.#write(socket, command);
  }

  #greeting(command: string): Pending {
    return {
      reply: new RangeReply(EMPTY, 1, NO_OFFSETS, 8),
      command,
      about: this.#where,
      caller: null,
    };
  }

  /** What is written in one turn of the event loop goes in one packet. */
  #write(socket: Socket, command: string): void {
    if (!this.#corked) {
      this.#corked = true;
      socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        socket.uncork();
      });
    }
    socket.write(command);
  }

  /** Where the kernel shall put what comes next. */
  #window(): Uint8Array {
    const reply = this.#pending[0]?.reply;
    const want = reply?.want ?? 0;
    this.#target = want > 0 ? reply! : null;
    return want > 0 ? reply!.slab.subarray(reply!.end, reply!.end + want) : this.#scratch;
  }

  #received(bytes: number): void {
    try {
      const reply = this.#target;
      if (reply === null) {
        this.#feed(this.#scratch, bytes);
        return;
      }
      const to = reply.end + bytes;
      const stop = reply.consume(reply.slab, reply.end, to);
      reply.end = stop;
      if (!reply.done) return;
      // The head of the next reply came along: out of this slab before its owner gets it.
      const excess = stop < to ? reply.slab.slice(stop, to) : EMPTY;
      this.#settle();
      this.#feed(excess, excess.length);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Bytes that are not in the slab of the reply they belong to. */
  #feed(buffer: Uint8Array, to: number): void {
    let from = 0;
    while (from < to) {
      const reply = this.#pending[0]?.reply;
      if (reply === undefined) throw unavailable(this.#where, new Error("an answer that nobody asked for"));
      if (!reply.dropping && reply.end === reply.slab.length) reply.overflow();
      if (reply.dropping) from = reply.consume(buffer, from, to);
      else {
        const n = Math.min(to - from, reply.want);
        reply.slab.set(buffer.subarray(from, from + n), reply.end);
        const stop = reply.consume(reply.slab, reply.end, reply.end + n);
        from += stop - reply.end;
        reply.end = stop;
      }
      if (reply.done) this.#settle();
    }
  }

  #settle(): void {
    const { reply, about, caller } = this.#pending.shift()!;
    const refused = reply.line?.startsWith("-")
      ? replyError(reply.line.slice(1), caller === null ? "the handshake" : "LRANGE", about)
      : null;
    if (caller === null) {
      if (refused !== null) throw refused;
      return;
    }
    this.#failures = 0;
    if (refused !== null) {
      caller.reject(refused);
      return;
    }
    if (reply.line !== null) throw outOfStep(`"${reply.line}" in place of a list`);
    const { received, fitted, bytes, need } = reply;
    caller.resolve({ received, fitted, at: reply.finish(), bytes, need });
  }

  #fail(error: unknown): void {
    const socket = this.#socket;
    const failed = this.#pending;
    this.#socket = null;
    this.#target = null;
    this.#pending = [];
    if (socket !== null) this.#failures++;
    if (this.#redial !== null) clearTimeout(this.#redial);
    this.#redial = null;
    // After this no byte lands in a slab any more.
    socket?.destroy();
    const reason = error instanceof LogError ? error : unavailable(this.#where, error);
    for (const { caller } of failed) caller?.reject(reason);
  }
}
