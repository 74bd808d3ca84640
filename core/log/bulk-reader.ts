import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Address } from "../config/config.ts";
import { type Credential, handshakeOf, signInWith } from "./credentials.ts";
import { LogError, NEEDS_NO_PASSWORD, replyError, unavailable } from "./errors.ts";
import { encodeCommand, outOfStep, RangeReply } from "./resp.ts";
import { tlsError } from "./tls.ts";

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

/** What the control connection is signed in to: the bulk connection goes to the same server in the same way. */
export interface Session {
  address: Address;
  tls: ConnectionOptions | undefined;
  credential: Credential;
}

export interface BulkReaderOptions {
  /** What an error names. */
  where(): string;
  /** Null while the control connection is away. */
  session(): Session | null;
  database: number;
  /** Without an answer, ms. */
  timeoutMs: number;
}

/**
 * A connection for LRANGE only, any number in flight, each into its own slab: the kernel writes into shared memory and
 * no object is made for a record. Connects when asked; a broken connection fails all that is in flight.
 */
export interface BulkReader {
  /** `asking`: the slot is on its way to this server. */
  range(request: RangeRequest, asking?: boolean): Promise<RangeResult>;
  /** Signs the open connection in anew. */
  signIn(credential: Credential): void;
  /** Drops the connection; the next read dials anew. */
  reset(why: string): void;
  close(): void;
}

interface Part {
  reply: RangeReply;
  /** Null for the handshake: its refusal fails the connection. */
  asked: { request: RangeRequest; resolve(result: RangeResult): void; reject(error: unknown): void } | null;
}

/** One command, and what its answer goes to, in order. */
interface Pending {
  args: (string | number)[];
  parts: Part[];
  written: boolean;
}

/** Elements asked for while no element's size is known. */
const BLIND = 16;
/** Ranges that lie one behind the other and are read with one command: the server looks for the place only once. */
const JOINED = 8;
/** Protocol bytes and offsets of one element in a slab. */
const OVERHEAD = 20;
const SCRATCH_BYTES = 64 * 1024;
const EMPTY = new Uint8Array(0);
const NO_OFFSETS = new Uint32Array(0);

/** How many elements of about `mean` bytes (0: not known) fit a slab. */
export function fitting(slab: SharedArrayBuffer, mean: number): number {
  return mean > 0 ? Math.max(1, Math.floor(slab.byteLength / (mean * 1.01 + OVERHEAD))) : BLIND;
}

export function openBulkReader(options: BulkReaderOptions): BulkReader {
  return new Reader(options);
}

class Reader implements BulkReader {
  readonly #options: BulkReaderOptions;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  /** One reply is parsed at a time, so one scratch serves all. */
  #offsets = NO_OFFSETS;
  #pending: Pending[] = [];
  #socket: Socket | null = null;
  /** The reply whose slab the kernel may be writing into; null: the scratch. */
  #target: RangeReply | null = null;
  #flushing = false;
  #failures = 0;
  #redial: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: BulkReaderOptions) {
    this.#options = options;
  }

  range(request: RangeRequest, asking = false): Promise<RangeResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(unavailable(this.#where, new Error("the log is closed")));
        return;
      }
      if (asking) this.#send(greeting(["ASKING"]));
      this.#ask({ request, resolve, reject }, !asking);
      this.#dial();
    });
  }

  signIn(credential: Credential): void {
    if (this.#socket !== null) for (const args of signInWith(credential)) this.#send(greeting(args));
  }

  reset(why: string): void {
    this.#fail(unavailable(this.#where, new Error(why)));
  }

  close(): void {
    this.#closed = true;
    this.reset("the log is closed");
  }

  get #where(): string {
    return this.#options.where();
  }

  /** `joins`: where the command ahead has not gone out yet and ends where this range begins, it is asked for more. */
  #ask(asked: NonNullable<Part["asked"]>, joins: boolean): void {
    const { key, from, count, slab, mean } = asked.request;
    const expected = Math.ceil(count * (mean + 12)) + 12;
    const reply = new RangeReply(new Uint8Array(slab), count, this.#offsetsFor(count), expected);
    const to = from + count - 1;
    const ahead = joins ? this.#pending.at(-1) : undefined;
    if (ahead && !ahead.written && ahead.parts.length < JOINED && ahead.args[1] === key && ahead.args[3] === from - 1) {
      reply.follow();
      ahead.parts[0]!.reply.shared += count;
      ahead.parts.push({ reply, asked });
      ahead.args[3] = to;
    } else this.#send({ args: ["LRANGE", key, from, to], parts: [{ reply, asked }], written: false });
  }

  #send(pending: Pending): void {
    this.#pending.push(pending);
    if (this.#socket !== null) this.#flush();
  }

  /** All in one packet, at the end of this turn: more may come. */
  #flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flushing = false;
      let commands = "";
      for (const pending of this.#pending) {
        if (pending.written) continue;
        pending.written = true;
        commands += encodeCommand(pending.args);
      }
      if (commands !== "") this.#socket?.write(commands);
    });
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
    const { database, timeoutMs } = this.#options;
    const session = this.#options.session();
    if (session === null) {
      this.reset("the control connection is away");
      return;
    }
    const handshake = handshakeOf(session.credential, database);
    // All in one write: a refused handshake fails what follows it as well.
    this.#pending.unshift(...handshake.map(greeting));
    this.#target = null;
    let socket: Socket | null = null;
    // `net` asks for the first buffer before it gives the socket back.
    const current = () => socket === null || this.#socket === socket;
    const options = {
      ...session.address,
      noDelay: true,
      keepAlive: true,
      onread: {
        buffer: () => (current() ? this.#window() : this.#scratch),
        callback: (bytes: number) => {
          if (current()) this.#received(bytes);
          return true;
        },
      },
    };
    socket = session.tls ? connectTls({ ...options, ...session.tls }) : connect(options);
    this.#socket = socket;
    socket.setTimeout(timeoutMs, () => {
      if (this.#pending.length > 0 && current()) this.reset(`no answer for ${timeoutMs} ms`);
    });
    const gone = (error: Error = new Error("connection closed")) => {
      if (current()) this.#fail(tlsError(this.#where, error) ?? unavailable(this.#where, error));
    };
    socket.on("error", gone);
    socket.on("end", () => gone());
    socket.on("close", () => gone());
    this.#flush();
  }

  /** What the next bytes belong to. */
  get #reply(): RangeReply | undefined {
    return this.#pending[0]?.parts[0]?.reply;
  }

  /** Where the kernel shall put what comes next. */
  #window(): Uint8Array {
    const reply = this.#reply;
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
      const reply = this.#reply;
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
    const [pending] = this.#pending as [Pending];
    const { reply, asked } = pending.parts[0]!;
    const refusal = reply.line?.startsWith("-") ? reply.line.slice(1) : undefined;
    // The control connection signs in all the same, and so does Tyk Pump.
    const isRefused = refusal !== undefined && !(asked === null && NEEDS_NO_PASSWORD.test(refusal));
    if (isRefused) {
      const about = asked === null ? this.#where : asked.request.key;
      const refused = replyError(refusal, asked === null ? "the handshake" : "LRANGE", about);
      if (asked === null) throw refused;
      this.#failures = 0;
      this.#pending.shift();
      for (const part of pending.parts) part.asked?.reject(refused);
    } else if (asked === null) {
      this.#pending.shift();
    } else if (reply.line !== null) {
      throw outOfStep(`"${reply.line}" in place of a list`);
    } else if (reply.short) {
      // Each by itself: then it is plain which of them is not there.
      this.#pending.shift();
      for (const part of pending.parts) this.#ask(part.asked!, false);
    } else {
      this.#failures = 0;
      pending.parts.shift();
      if (pending.parts.length === 0) this.#pending.shift();
      const { received, fitted, bytes, need } = reply;
      asked.resolve({ received, fitted, at: reply.finish(), bytes, need });
    }
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
    for (const { parts } of failed) for (const { asked } of parts) asked?.reject(reason);
  }
}

/** A command whose answer says nothing; its refusal fails the connection. */
function greeting(args: string[]): Pending {
  return { args, parts: [{ reply: new RangeReply(EMPTY, 1, NO_OFFSETS, 8), asked: null }], written: false };
}
