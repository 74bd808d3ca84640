import type { Argument } from "../../../core/log/connection.ts";
import type { DeliveryLog, ListLog } from "../../../core/log/log.ts";
import type { ModelRedis } from "./redis.ts";
import type { Request } from "./server.ts";
import type { Mutant } from "./world.ts";

type Call = ModelRedis["call"];

/** Rules of the protocol, each broken on purpose: the check must notice every one. */
export const MUTANTS: { readonly [rule: string]: () => Mutant } = {
  "groups begin at the end of the log": () => ({
    request: within(
      "GROUPS",
      (call) => (command, args) =>
        call(command, command === "XGROUP" ? args.map((arg) => (arg === "0" ? "$" : arg)) : args),
    ),
  }),
  "the sweep does not look at what is pending": () => ({
    request: (request) =>
      request.name === "XPENDING" && request.args.at(-1) === 1000 ? { ...request, run: () => [] } : request,
  }),
  "the sweep cuts a block behind its last dead chunk, whatever lies before": () => ({
    request: (request) => {
      if (request.name !== "DELETE") return request;
      return within("DELETE", (call) => (command, args) => {
        return call(command, command === "LTRIM" ? [args[0]!, Number(args[1]) + 5, -1] : args);
      })(request);
    },
  }),
  "a registered sink without a group does not stop the sweep": () => ({
    request: (request) => (request.name === "HGETALL" ? { ...request, run: () => [] } : request),
  }),
  "a takeover does not ask how long the owner was silent": () => ({
    request: (request) => {
      if (request.name === "XCLAIM") return altered(request, (args) => args.map((arg, i) => (i === 3 ? 0 : arg)));
      if (request.name !== "XPENDING") return request;
      const run: Request["run"] = (redis) =>
        (request.run(redis) as [string, string, number, number][]).map(([id, owner, , count]) => [
          id,
          owner,
          1e9,
          count,
        ]);
      return { ...request, run };
    },
  }),
  "a claim is sent again under the same name when its reply is lost": () => {
    let last: Request | null = null;
    return {
      request: (request) => {
        if (request.name !== "CLAIM") return request;
        const again = last;
        last = request;
        const unguarded = within(
          "CLAIM",
          (call) => (command, args) => (command === "EXISTS" ? 0 : call(command, args)),
        );
        const run: Request["run"] = (redis) => {
          // After the gateway has pushed more.
          if (again && redis.list(String(request.args[0])).length > 0) unguarded(again).run(redis);
          return request.run(redis);
        };
        return { ...request, run };
      },
    };
  },
  "a chunk is acknowledged before its dead letters are stored": () => ({
    log: (log) =>
      withLists(log, (list) => ({
        reject: async (sink, ref, letters) => {
          await list.ack(sink, [ref]);
          await new Promise((resolve) => setTimeout(resolve, 500));
          return list.reject(sink, ref, letters);
        },
      })),
  }),
  "a gather is acknowledged when it is filled, not when it is flushed": () => ({
    message: (message) =>
      message.t === "release"
        ? {
            t: "settled",
            seqs: message.seqs,
            rejected: [],
            counts: { written: 0, filtered: 0, skipped: 0, retries: 0 },
          }
        : message,
  }),
  "what is handed back counts as done": () => ({
    log: (log) => withLists(log, (list) => ({ release: async (sink, refs) => void (await list.ack(sink, refs)) })),
  }),
  "a lost lease is not noticed, and taken back": () => ({
    request: within("EXTEND", (call) => (command, args) => {
      // As if it were ours, whosever it is.
      if (command === "XPENDING") return [[String(args[2]), "", 0, 1]];
      return call(command, args);
    }),
  }),
};

/** Alters the commands that a script makes. */
function within(script: string, alter: (call: Call) => Call): (request: Request) => Request {
  return (request) => {
    if (request.name !== script) return request;
    const run: Request["run"] = (redis) => {
      const other: ModelRedis = Object.create(redis);
      const call = alter((command, args) => redis.call(command, args));
      Object.defineProperty(other, "call", { value: call });
      return request.run(other);
    };
    return { ...request, run };
  };
}

function altered(request: Request, alter: (args: readonly Argument[]) => readonly Argument[]): Request {
  const args = alter(request.args);
  return { ...request, args, run: (redis) => redis.call(request.name, args) };
}

/** The same log, with some functions of its lists replaced. */
export function withLists(log: DeliveryLog, replace: (list: ListLog) => Partial<ListLog>): DeliveryLog {
  const lists = log.lists.map((list) => {
    const own = replace(list);
    return new Proxy(list, {
      get(target, name) {
        const value = Reflect.get(own, name) ?? Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  });
  return new Proxy(log, { get: (target, name) => (name === "lists" ? lists : Reflect.get(target, name)) });
}
