import type { Argument, Reply } from "../../../core/log/connection.ts";
import type { Script } from "../../../core/log/scripts.ts";
import { type Data, ModelRedis, Refusal } from "./redis.ts";
import { scriptOf } from "./scripts.ts";
import { Realm, type Simulation } from "./time.ts";

/** A command or a script by name, as the server gets it. */
export interface Request {
  name: string;
  args: readonly Argument[];
  run(redis: ModelRedis): Reply;
}

export function commandOf(command: string, args: readonly Argument[]): Request {
  return { name: command, args, run: (redis) => redis.call(command, args) };
}

export function requestOf(script: Script, keys: readonly string[], args: readonly Argument[]): Request {
  const { name, run } = scriptOf(script);
  return { name, args: [...keys, ...args], run: (redis) => run(redis, keys, args) };
}

/** What was said of the log's entries, by the key of their stream. */
type Said = (log: string, sink: string, entries: readonly string[]) => void;

/** One Redis of the simulation: may be away, stand still, refuse, forget, and have another clock. */
export class Server {
  readonly redis: ModelRedis;
  /** Its own process: what is asked of it while it stands still is done afterwards. */
  readonly realm: Realm;
  /** Commands and scripts that it refuses. */
  readonly refused = new Set<string>();
  /** Alters what is asked of it: for mutants. */
  alter: (request: Request) => Request = (request) => request;
  acknowledged: Said = () => {};
  /** Handed back, whosever they were. */
  released: Said = () => {};
  #away = false;
  #down: (() => void)[] = [];

  constructor(simulation: Simulation) {
    this.realm = new Realm(simulation, "redis");
    this.redis = new ModelRedis(() => simulation.wall + this.realm.clockOffset);
  }

  get away(): boolean {
    return this.#away;
  }

  /** Told when all connections are cut. */
  onDown(cut: () => void): void {
    this.#down.push(cut);
  }

  /** Throws Refusal. */
  execute(request: Request): Reply {
    if (this.refused.has(request.name)) throw new Refusal(`NOPERM this user has no permissions to run ${request.name}`);
    const reply = this.alter(request).run(this.redis);
    if (request.name === "XACK") {
      const [log, sink, ...entries] = request.args.map(String);
      this.acknowledged(log!, sink!, entries);
    } else if (request.name === "RELEASE") {
      const [log, sink, , ...entries] = request.args.map(String);
      this.released(log!, sink!, entries);
    }
    return reply;
  }

  /** Ends; what it holds stays. */
  goDown(): void {
    this.#away = true;
    this.cutAll();
  }

  comeBack(): void {
    this.#away = false;
  }

  cutAll(): void {
    for (const cut of this.#down) cut();
  }

  /** It is again as it was then, or another is that had not heard of the rest. */
  rewind(to: Data): void {
    this.redis.data = to;
    this.cutAll();
  }
}
