import type { RangeRequest, RangeResult } from "../../../core/log/bulk-reader.ts";
import type { Connection, Link, Reply, Send } from "../../../core/log/connection.ts";
import { type LogError, replyError, unavailable } from "../../../core/log/errors.ts";
import { Refusal, range } from "./redis.ts";
import { commandOf, type Request, requestOf, type Server } from "./server.ts";
import { type Realm, realmNow } from "./time.ts";

const WHERE = "redis:6379";
const LATENCY_MS = 3;
const SLOW_SHARE = 0.02;
const SLOW_MS = 60;

/** What is wrong between one process and the server. */
export interface Path {
  /** Nothing passes until then, ms of the simulation; connections stay. */
  blockedUntil: number;
  /** Everything takes so much longer, ms. */
  delayMs: number;
}

/** Both ways of one connection keep the order. */
interface Wire {
  sentUntil: number;
  heardUntil: number;
  open: boolean;
  /** Fails what is under way. */
  readonly waiting: Set<(error: Error) => void>;
  lastHeard: number;
}

/** A process's connections to the server of the simulation: as core/log/node.ts, over a network that a test breaks. */
export class SimulatedLink implements Link {
  readonly path: Path = { blockedUntil: 0, delayMs: 0 };
  /** The reply to the next request of this name is lost, and the connection with it. */
  loseReplyTo: string | null = null;
  readonly #server: Server;
  readonly #realm: Realm;
  readonly #timeoutMs: number;
  #control: Wire | null = null;
  #bulk: Wire | null = null;
  #closed = false;
  #dialing = false;
  #waiters: (() => void)[] = [];
  #connectedAt: number | null = null;
  #clockOffset = 0;
  #epoch = 0;

  constructor(server: Server, timeoutMs: number) {
    this.#server = server;
    this.#realm = realmNow();
    this.#timeoutMs = timeoutMs;
    server.onDown(() => this.cut("the server went away"));
  }

  async connect(): Promise<void> {
    if (!this.#dialing) {
      this.#dialing = true;
      this.#dial(0);
    }
    if (this.#connectedAt !== null) return;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
      this.#realm.after(this.#timeoutMs, resolve);
    });
    if (this.#connectedAt === null) throw this.#away();
  }

  to(): Connection {
    const link = this;
    const send: Send = (command, args, about) => link.#ask(commandOf(command, args), command, about);
    return {
      send,
      sendBuffers: async (command, args, about) => buffersOf(await send(command, args, about)),
      run: (script, keys, args, about) => {
        const request = requestOf(script, keys, args);
        return link.#ask(request, request.name, about);
      },
      reader: { range: (request) => link.#range(request), reset: (why) => link.#drop(link.#bulk, why) },
      where: WHERE,
      get connectedAt() {
        return link.#connectedAt;
      },
      get clockOffset() {
        return link.#clockOffset;
      },
      get epoch() {
        return link.#epoch;
      },
    };
  }

  signIn(): void {}

  close(): void {
    this.#closed = true;
    this.cut("closed");
  }

  /** Breaks what there is; what is under way may arrive all the same, even later. */
  cut(why = "the connection was cut"): void {
    this.#connectedAt = null;
    const wires = [this.#control, this.#bulk];
    this.#control = null;
    this.#bulk = null;
    for (const wire of wires) this.#drop(wire, why);
    if (wires[0] && !this.#closed) this.#dial(0);
  }

  get well(): boolean {
    return this.#connectedAt !== null && !this.#blocked && this.path.delayMs === 0;
  }

  get #blocked(): boolean {
    return this.path.blockedUntil > this.#realm.simulation.now;
  }

  #away(): LogError {
    return unavailable(WHERE, new Error("not connected"));
  }

  #latency(): number {
    const { random } = this.#realm;
    const spike = random.chance(SLOW_SHARE) ? random.between(0, SLOW_MS) : 0;
    return this.path.delayMs * random.between(0.5, 1) + random.between(0.1, LATENCY_MS) + spike;
  }

  #dial(failures: number): void {
    const pause = Math.min(2000, 25 * 2 ** Math.min(failures, 7)) * this.#realm.random.between(0.5, 1);
    this.#realm.after(pause + this.#latency(), () => {
      if (this.#closed || this.#control) return;
      if (this.#server.away || this.#server.realm.halted || this.#blocked) {
        this.#dial(failures + 1);
        return;
      }
      this.#control = this.#wire();
      this.#bulk = this.#wire();
      this.#epoch++;
      this.#clockOffset = this.#server.redis.clock() - (this.#realm.simulation.wall + this.#realm.wallOffset);
      this.#connectedAt = this.#realm.simulation.now;
      for (const waiter of this.#waiters.splice(0)) waiter();
    });
  }

  #wire(): Wire {
    const { now } = this.#realm.simulation;
    return { sentUntil: 0, heardUntil: 0, open: true, waiting: new Set(), lastHeard: now };
  }

  #drop(wire: Wire | null, why: string): void {
    if (!wire?.open) return;
    wire.open = false;
    if (wire === this.#bulk) this.#bulk = this.#connectedAt === null ? null : this.#wire();
    const { waiting } = wire;
    if (waiting.size === 0) return;
    const failed = [...waiting];
    waiting.clear();
    // It is told by its own event loop: a process that is gone or stands still hears nothing.
    this.#realm.after(0, () => {
      for (const fail of failed) fail(unavailable(WHERE, new Error(why)));
    });
  }

  async #ask(request: Request, command: string, about: string): Promise<Reply> {
    const wire = this.#control;
    if (!wire) throw this.#away();
    const lose = this.loseReplyTo === request.name;
    if (lose) this.loseReplyTo = null;
    try {
      return await this.#exchange(wire, () => this.#server.execute(request), lose);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw replyError(error.message, command, about);
    }
  }

  async #range({ key, from, count, slab }: RangeRequest): Promise<RangeResult> {
    const wire = this.#bulk;
    if (!wire) throw this.#away();
    const lose = this.loseReplyTo === "LRANGE";
    if (lose) this.loseReplyTo = null;
    const records = await this.#exchange(wire, () => range(this.#server.redis.list(key), from, from + count - 1), lose);
    return layOut(records, slab);
  }

  #exchange<T>(wire: Wire, execute: () => T, lose: boolean): Promise<T> {
    const { simulation, random } = this.#realm;
    const { world } = simulation;
    return new Promise<T>((resolve, reject) => {
      const fail = (error: Error) => reject(error);
      wire.waiting.add(fail);
      const blockedMs = Math.max(0, this.path.blockedUntil - simulation.now);
      wire.sentUntil = Math.max(wire.sentUntil, simulation.now + blockedMs + this.#latency());
      // Bytes that are on their way may arrive though the sender has given the connection up, or is dead.
      const arrivesAnyway = random.chance(0.5);
      simulation.schedule(wire.sentUntil - simulation.now, world, () => {
        if (!wire.open && !arrivesAnyway) return;
        this.#server.realm.after(0, () => {
          if (this.#server.away) return;
          let reply: () => void;
          try {
            const result = execute();
            reply = () => resolve(result);
          } catch (error) {
            reply = () => reject(error);
          }
          if (lose) this.cut("the reply was lost");
          if (!wire.open) return;
          const waitMs = Math.max(0, this.path.blockedUntil - simulation.now);
          wire.heardUntil = Math.max(wire.heardUntil, simulation.now + waitMs + this.#latency());
          this.#realm.after(wire.heardUntil - simulation.now, () => {
            if (!wire.waiting.delete(fail)) return;
            wire.lastHeard = simulation.now;
            reply();
          });
        });
      });
      this.#watch(wire, fail);
    });
  }

  /** A connection on which nothing came for so long is given up. */
  #watch(wire: Wire, fail: (error: Error) => void): void {
    const asked = this.#realm.simulation.now;
    this.#realm.after(this.#timeoutMs, () => {
      if (!wire.waiting.has(fail)) return;
      const silent = this.#realm.simulation.now - Math.max(asked, wire.lastHeard);
      if (silent < this.#timeoutMs) this.#watch(wire, fail);
      else this.cut("no answer");
    });
  }
}

/** As the bulk reader does: the records, then their offsets. */
function layOut(records: readonly Buffer[], slab: SharedArrayBuffer): RangeResult {
  const bytes = new Uint8Array(slab);
  const received = records.length;
  let fitted = 0;
  let end = 0;
  for (const { length } of records) {
    if (aligned(end + length) + 8 * (fitted + 1) > slab.byteLength) break;
    end += length;
    fitted++;
  }
  if (fitted === 0) return { received, fitted, at: 0, bytes: 0, need: received === 0 ? 0 : records[0]!.length + 64 };
  const at = aligned(end);
  const offsets = new Uint32Array(slab, at, 2 * fitted);
  let start = 0;
  for (let i = 0; i < fitted; i++) {
    bytes.set(records[i]!, start);
    offsets[2 * i] = start;
    start += records[i]!.length;
    offsets[2 * i + 1] = start;
  }
  return { received, fitted, at, bytes: end, need: 0 };
}

function aligned(offset: number): number {
  return (offset + 3) & ~3;
}

function buffersOf(reply: Reply): Reply {
  if (typeof reply === "string") return Buffer.from(reply);
  return Array.isArray(reply) ? reply.map(buffersOf) : reply;
}
