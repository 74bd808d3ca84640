/**
 * A call tree out of a `.cpuprofile` (Chrome DevTools protocol, Profiler.Profile). Times in microseconds. Needs nothing of
 * Node, so that pages can use it too.
 */
export interface Frame {
  name: string;
  /** File and line; of native code, those of its caller; empty for what is neither. */
  place: string;
  kind: Kind;
  /** With all that it called, and without. */
  total: number;
  self: number;
  children: Frame[];
}

/** Whose code it is: the sink's, with its packages; the sdk and the runtime; Node's own; the collector; the engine beneath all. */
export type Kind = "plugin" | "sluice" | "node" | "collector" | "engine";

export interface Flame {
  /** Stands for all time at work. */
  root: Frame;
  /** Time in which the thread had nothing to do. */
  idle: number;
  /** Time of each kind's own. */
  kinds: { [kind in Kind]: number };
}

interface Node {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

const IDLE = "(idle)";
const META: { readonly [name: string]: Kind } = { "(garbage collector)": "collector", "(program)": "engine" };
const ROOT: Frame["name"] = "(all)";
const NOTHING: Flame["kinds"] = { plugin: 0, sluice: 0, node: 0, collector: 0, engine: 0 };

/** `host`: file URLs of Sluice's own code. Throws TypeError or SyntaxError where `json` is no profile: a plugin may have forged it. */
export function flameOf(json: string, host: readonly string[]): Flame {
  const { nodes, samples, timeDeltas } = JSON.parse(json) as { nodes: Node[]; samples: number[]; timeDeltas: number[] };
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const self = selfTimes(samples, timeDeltas);
  const isChild = new Set(nodes.flatMap(({ children = [] }) => children));
  const top = nodes.find(({ id }) => !isChild.has(id));
  const kinds = { ...NOTHING };
  let idle = 0;

  // V8 cuts stacks at 255 frames, so that this cannot go deep; a node has one place in the tree, whatever is claimed.
  const seen = new Set<number>();
  const frameOf = (same: readonly Node[], above: Kind, caller: string): Frame => {
    const { functionName, url, lineNumber } = same[0]!.callFrame;
    const name = String(functionName);
    const kind = kindOf(name, String(url), above, host);
    const place = url ? `${shortPlace(String(url))}:${Number(lineNumber) + 1}` : caller;
    const below = new Map<string, Node[]>();
    for (const { children = [] } of same) {
      for (const id of children) {
        const child = byId.get(id);
        if (!child || seen.has(id)) continue;
        seen.add(id);
        const { callFrame } = child;
        if (callFrame.functionName === IDLE) {
          idle += self.get(id) ?? 0;
          continue;
        }
        const key = `${callFrame.functionName}\n${callFrame.url}\n${callFrame.lineNumber}`;
        const alike = below.get(key);
        if (alike) alike.push(child);
        else below.set(key, [child]);
      }
    }
    const own = same.reduce((sum, { id }) => sum + (self.get(id) ?? 0), 0);
    const children = [...below.values()].map((group) => frameOf(group, kind, place)).filter(({ total }) => total > 0);
    children.sort((a, b) => b.total - a.total);
    kinds[kind] += own;
    return {
      name: name || (url ? "(anonymous)" : "(native)"),
      place: Object.hasOwn(META, name) ? "" : place,
      kind,
      total: children.reduce((sum, { total }) => sum + total, own),
      self: own,
      children,
    };
  };

  if (!top) throw new TypeError("a profile without a root");
  seen.add(top.id);
  const root = frameOf([top], "engine", "");
  return { root: { ...root, name: ROOT, place: "" }, idle, kinds };
}

/** A sample stands for the time until the next. */
function selfTimes(samples: readonly number[], timeDeltas: readonly number[]): Map<number, number> {
  const self = new Map<number, number>();
  for (const [i, id] of samples.entries()) {
    const time = Number(timeDeltas[i + 1] ?? 0);
    if (time > 0) self.set(id, (self.get(id) ?? 0) + time);
  }
  return self;
}

/** Native code has no file: it works for who called it. */
function kindOf(name: string, url: string, above: Kind, host: readonly string[]): Kind {
  if (url === "") return Object.hasOwn(META, name) ? META[name]! : above;
  if (url.startsWith("node:")) return "node";
  return host.some((folder) => url.startsWith(folder)) ? "sluice" : "plugin";
}

/** The end of a path says enough. */
function shortPlace(url: string): string {
  return url.startsWith("node:") ? url : url.split("/").slice(-3).join("/");
}

export interface Heavy {
  name: string;
  place: string;
  kind: Kind;
  self: number;
  /** With all that it called; where it calls itself, counted once. */
  total: number;
}

/** The functions with most time of their own, wherever they are called from. */
export function heaviest(root: Frame, most: number): Heavy[] {
  const found = new Map<string, Heavy>();
  const open = new Set<Heavy>();
  const walk = ({ name, place, kind, self, total, children }: Frame): void => {
    const key = `${name}\n${place}`;
    let heavy = found.get(key);
    if (!heavy) found.set(key, (heavy = { name, place, kind, self: 0, total: 0 }));
    const inner = open.has(heavy);
    heavy.self += self;
    if (!inner) heavy.total += total;
    open.add(heavy);
    children.forEach(walk);
    if (!inner) open.delete(heavy);
  };
  root.children.forEach(walk);
  return [...found.values()].sort((a, b) => b.self - a.self).slice(0, most);
}
