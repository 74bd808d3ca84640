import type { Argument, Reply } from "../../../core/log/connection.ts";
import { compareIds, FIRST_ID, nextId } from "../../../core/log/stream-id.ts";

/** An error reply. */
export class Refusal extends Error {}

interface Pending {
  consumer: string;
  /** When it was handed out, ms since 1970 by the server's clock. */
  at: number;
  count: number;
}

interface Group {
  last: string;
  pending: Map<string, Pending>;
}

interface Stream {
  last: string;
  entries: { id: string; fields: (string | Buffer)[] }[];
  groups: Map<string, Group>;
}

export interface Data {
  lists: Map<string, Buffer[]>;
  streams: Map<string, Stream>;
  hashes: Map<string, Map<string, string>>;
}

const NO_KEY = "ERR no such key";

/** What a Redis 7 does with the commands that the delivery log uses: lists, streams with groups, hashes. Nothing fails here of itself. */
export class ModelRedis {
  data: Data = { lists: new Map(), streams: new Map(), hashes: new Map() };
  /** Its clock, ms since 1970. */
  readonly clock: () => number;
  /** A pending entry of a stream's group goes from one consumer to another, who was idle for so long. */
  changesHands: (from: string, to: string, idleMs: number, of: { log: string; sink: string; entry: string }) => void =
    () => {};

  constructor(clock: () => number) {
    this.clock = clock;
  }

  /** A copy of all that it holds. */
  copy(): Data {
    const { lists, streams, hashes } = this.data;
    const groups = (of: Stream["groups"]) =>
      new Map(
        [...of].map(([name, { last, pending }]) => [
          name,
          { last, pending: new Map([...pending].map(([id, held]) => [id, { ...held }])) },
        ]),
      );
    return {
      lists: new Map([...lists].map(([key, records]) => [key, [...records]])),
      streams: new Map(
        [...streams].map(([key, it]) => [key, { last: it.last, entries: [...it.entries], groups: groups(it.groups) }]),
      ),
      hashes: new Map([...hashes].map(([key, fields]) => [key, new Map(fields)])),
    };
  }

  call(command: string, args: readonly Argument[]): Reply {
    const [key, ...rest] = args.map(String) as [string, ...string[]];
    switch (command) {
      case "EXISTS":
        return args.filter((name) => this.#has(String(name))).length;
      case "PERSIST":
      case "SET":
      case "INFO":
        return command === "INFO" ? "" : 0;
      case "TIME":
        return [String(Math.floor(this.clock() / 1000)), String(Math.floor((this.clock() % 1000) * 1000))];
      case "MEMORY": {
        const list = this.data.lists.get(rest[0]!);
        return list ? list.reduce((sum, { length }) => sum + length + 10, 0) : null;
      }
      case "LLEN":
        return this.list(key).length;
      case "RPUSH":
        return this.push(key, args.slice(1) as Buffer[]);
      case "LRANGE":
        return range(this.list(key), Number(rest[0]), Number(rest[1]));
      case "LINDEX":
        return this.list(key).at(Number(rest[0])) ?? null;
      case "LTRIM":
        this.put(key, range(this.list(key), Number(rest[0]), Number(rest[1])));
        return "OK";
      case "RENAME":
        this.put(rest[0]!, this.list(key));
        this.data.lists.delete(key);
        return "OK";
      case "RENAMENX":
        if (!this.#has(key)) throw new Refusal(NO_KEY);
        return this.#has(rest[0]!) ? 0 : this.call("RENAME", args) === "OK" ? 1 : 0;
      case "UNLINK":
        return args.filter((name) => this.#drop(String(name))).length;
      case "HGETALL":
        return [...(this.data.hashes.get(key) ?? [])].flat();
      case "HMGET":
        return rest.map((field) => this.data.hashes.get(key)?.get(field) ?? null);
      case "HSET":
        for (let i = 0; i < rest.length; i += 2) this.#hash(key).set(rest[i]!, rest[i + 1]!);
        return rest.length / 2;
      case "HINCRBY": {
        const value = Number(this.#hash(key).get(rest[0]!) ?? 0) + Number(rest[1]);
        this.#hash(key).set(rest[0]!, String(value));
        return value;
      }
      case "HDEL":
        return this.data.hashes.get(key)?.delete(rest[0]!) ? 1 : 0;
      case "XADD":
        return this.#add(key, String(args[1]), args.slice(2) as (string | Buffer)[]);
      case "XLEN":
        return this.#entries(key).length;
      case "XRANGE":
        return this.#between(key, rest[0]!, rest[1]!, limitOf(rest));
      case "XREVRANGE":
        return this.#entries(key)
          .slice(-limitOf(rest))
          .reverse()
          .map(({ id, fields }) => [id, fields]);
      case "XDEL": {
        const stream = this.data.streams.get(key);
        if (!stream) return 0;
        const before = stream.entries.length;
        const gone = new Set(rest);
        stream.entries = stream.entries.filter(({ id }) => !gone.has(id));
        return before - stream.entries.length;
      }
      case "XINFO":
        return this.#info(rest[0]!);
      case "XGROUP":
        return this.#group(key, rest[0]!, rest[1]!, rest[2]);
      case "XREADGROUP":
        return this.#readGroup(args.map(String));
      case "XACK": {
        const group = this.data.streams.get(key)?.groups.get(rest[0]!);
        return rest.slice(1).filter((id) => group?.pending.delete(id)).length;
      }
      case "XPENDING":
        return this.#pending(key, rest);
      case "XCLAIM":
        return this.#claim(key, rest);
      default:
        throw new Refusal(`ERR unknown command '${command}'`);
    }
  }

  list(key: string): Buffer[] {
    return this.data.lists.get(key) ?? [];
  }

  push(key: string, records: readonly Buffer[]): number {
    const list = this.data.lists.get(key);
    if (list) return list.push(...records);
    this.put(key, [...records]);
    return records.length;
  }

  /** A list that is empty is not there. */
  put(key: string, records: Buffer[]): void {
    if (records.length > 0) this.data.lists.set(key, records);
    else this.data.lists.delete(key);
  }

  stream(key: string): Stream | undefined {
    return this.data.streams.get(key);
  }

  #has(key: string): boolean {
    const { lists, streams, hashes } = this.data;
    return lists.has(key) || streams.has(key) || hashes.has(key);
  }

  #drop(key: string): boolean {
    const { lists, streams, hashes } = this.data;
    return lists.delete(key) || streams.delete(key) || hashes.delete(key);
  }

  #hash(key: string): Map<string, string> {
    let hash = this.data.hashes.get(key);
    if (!hash) this.data.hashes.set(key, (hash = new Map()));
    return hash;
  }

  #entries(key: string): Stream["entries"] {
    return this.data.streams.get(key)?.entries ?? [];
  }

  #make(key: string): Stream {
    let stream = this.data.streams.get(key);
    if (!stream) this.data.streams.set(key, (stream = { last: FIRST_ID, entries: [], groups: new Map() }));
    return stream;
  }

  #add(key: string, wanted: string, fields: (string | Buffer)[]): string {
    const stream = this.#make(key);
    const now = `${Math.floor(this.clock())}-0`;
    // A clock that goes back gives no smaller ids.
    const next = compareIds(now, stream.last) > 0 ? now : nextId(stream.last);
    const id = wanted === "*" ? next : wanted;
    stream.last = id;
    stream.entries.push({ id, fields: fields.map((field) => (typeof field === "number" ? String(field) : field)) });
    return id;
  }

  #between(key: string, from: string, to: string, limit: number): Reply[] {
    const found: Reply[] = [];
    for (const { id, fields } of this.#entries(key)) {
      if (from !== "-" && compareIds(id, from) < 0) continue;
      if (found.length >= limit || (to !== "+" && compareIds(id, to) > 0)) break;
      found.push([id, fields]);
    }
    return found;
  }

  #info(key: string): Reply {
    const stream = this.data.streams.get(key);
    if (!stream) throw new Refusal(NO_KEY);
    return [...stream.groups].map(([name, { last, pending }]) => [
      ...["name", name, "consumers", 0, "pending", pending.size],
      ...["last-delivered-id", last],
    ]);
  }

  #group(verb: string, key: string, name: string, from: string | undefined): Reply {
    if (verb === "DESTROY") return this.data.streams.get(key)?.groups.delete(name) ? 1 : 0;
    const stream = this.#make(key);
    if (stream.groups.has(name)) throw new Refusal("BUSYGROUP Consumer Group name already exists");
    stream.groups.set(name, { last: from === "$" ? stream.last : from === "0" ? FIRST_ID : from!, pending: new Map() });
    return "OK";
  }

  #groupOf(key: string, name: string): { stream: Stream; group: Group } {
    const stream = this.data.streams.get(key);
    const group = stream?.groups.get(name);
    if (!stream || !group) throw new Refusal(`NOGROUP No such key '${key}' or consumer group '${name}'`);
    return { stream, group };
  }

  #readGroup(args: readonly string[]): Reply {
    const [, name, consumer, , count, , key] = args as [string, string, string, string, string, string, string];
    const { stream, group } = this.#groupOf(key, name);
    const found = stream.entries.filter(({ id }) => compareIds(id, group.last) > 0).slice(0, Number(count));
    for (const { id } of found) {
      group.last = id;
      group.pending.set(id, { consumer, at: this.clock(), count: 1 });
    }
    return found.length === 0 ? null : [[key, found.map(({ id, fields }) => [id, fields])]];
  }

  #pending(key: string, [name, from, to, count, consumer]: string[]): Reply {
    const { group } = this.#groupOf(key, name!);
    const held = [...group.pending].sort(([a], [b]) => compareIds(a, b));
    return held
      .filter(
        ([id, owner]) =>
          (from === "-" || compareIds(id, from!) >= 0) &&
          (to === "+" || compareIds(id, to!) <= 0) &&
          (consumer === undefined || owner.consumer === consumer),
      )
      .slice(0, Number(count))
      .map(([id, owner]) => [id, owner.consumer, Math.max(0, this.clock() - owner.at), owner.count]);
  }

  #claim(key: string, [name, consumer, minIdle, id, ...options]: string[]): Reply {
    const { stream, group } = this.#groupOf(key, name!);
    const held = group.pending.get(id!);
    if (!held) return [];
    const entry = stream.entries.find((entry) => entry.id === id);
    if (!entry) {
      group.pending.delete(id!);
      return [];
    }
    const now = this.clock();
    if (now - held.at < Number(minIdle)) return [];
    if (held.consumer !== consumer) {
      this.changesHands(held.consumer, consumer!, now - held.at, { log: key, sink: name!, entry: entry.id });
    }
    const option = (word: string) => (options.includes(word) ? Number(options[options.indexOf(word) + 1]) : null);
    const justId = options.includes("JUSTID");
    held.consumer = consumer!;
    held.at = now - (option("IDLE") ?? 0);
    held.count = option("RETRYCOUNT") ?? (justId ? held.count : held.count + 1);
    return [justId ? id! : [id!, entry.fields]];
  }
}

/** As Redis cuts a list: both ends included, below zero from the end. */
export function range<T>(items: readonly T[], from: number, to: number): T[] {
  const at = (index: number) => (index < 0 ? items.length + index : index);
  return items.slice(Math.max(0, at(from)), Math.max(0, at(to) + 1));
}

function limitOf(args: readonly string[]): number {
  const at = args.indexOf("COUNT");
  return at < 0 ? Number.POSITIVE_INFINITY : Number(args[at + 1]);
}
