import { useMemo, useRef, useState } from "preact/hooks";
import { type Flame, type Frame, heaviest, type Kind } from "../../control/flame.ts";
import { Columns } from "./columns.tsx";
import { duration, percent } from "./format.ts";

/** A part of the drawing: where a frame stands, in parts of the width. */
interface Box {
  frame: Frame;
  left: number;
  width: number;
  depth: number;
  /** Its place in the tree, as in "0.2.1". */
  path: string;
}

/** What is narrower is not drawn, nor deeper. */
const LEAST = 0.002;
const DEEPEST = 40;
const ROW = 22;

const KINDS: readonly [kind: Kind, label: string][] = [
  ["plugin", "the plugin and its packages"],
  ["sluice", "Sluice"],
  ["node", "Node"],
  ["collector", "the garbage collector"],
  ["engine", "the engine"],
];

/** Callers above, callees below; by pointer or keyboard. */
export function FlameGraph({ flame: { root, kinds } }: { flame: Flame }) {
  const [top, setTop] = useState("0");
  const [at, setAt] = useState("0");
  const boxes = useMemo(() => layOut(find(root, top), top), [root, top]);
  const place = useRef<HTMLDivElement>(null);
  if (root.total === 0) return <p class="empty">It did nothing that could be seen.</p>;
  const focused = boxes.find(({ path }) => path === at) ?? boxes[0]!;

  const go = (path: string | undefined) => {
    if (path === undefined || !boxes.some((box) => box.path === path)) return;
    setAt(path);
    place.current?.querySelector<HTMLElement>(`[data-path="${path}"]`)?.focus();
  };
  const zoom = (path: string) => {
    setTop(path);
    setAt(path);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { path } = focused;
    const [, parent, last] = /^(.*)\.(\d+)$/.exec(path) ?? [];
    const moves: { [key: string]: () => void } = {
      ArrowDown: () => go(`${path}.0`),
      ArrowUp: () => go(parent),
      ArrowRight: () => go(`${parent}.${Number(last) + 1}`),
      ArrowLeft: () => go(`${parent}.${Number(last) - 1}`),
      Enter: () => zoom(path),
      Escape: () => zoom("0"),
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  };
  const { name, place: where, total, self } = focused.frame;
  return (
    <>
      <p class="flame-about">
        <strong>{name}</strong> <code>{where}</code> {percent(total / root.total)} of the time at work
        {self > 0 && `, ${percent(self / root.total)} in itself`}
        {top !== "0" && (
          <button type="button" onClick={() => zoom("0")}>
            Show all
          </button>
        )}
      </p>
      <div
        ref={place}
        class="flame"
        role="tree"
        aria-label="Flame graph: arrow keys move, Enter zooms in, Escape shows all"
        style={{ height: `${(Math.max(...boxes.map(({ depth }) => depth)) + 1) * ROW}px` }}
        onKeyDown={onKeyDown}
      >
        {boxes.map(({ frame, left, width, depth, path }) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the keys of all its items
          <div
            key={path}
            role="treeitem"
            aria-level={depth + 1}
            aria-label={`${frame.name}, ${percent(frame.total / root.total)}`}
            aria-selected={path === focused.path}
            tabIndex={path === focused.path ? 0 : -1}
            data-path={path}
            class={frame.kind}
            style={{ left: `${left * 100}%`, width: `${width * 100}%`, top: `${depth * ROW}px` }}
            onClick={() => zoom(path)}
            onFocus={() => setAt(path)}
            onPointerEnter={() => setAt(path)}
          >
            {width > 0.02 && frame.name}
          </div>
        ))}
      </div>
      <p class="key">
        {KINDS.filter(([kind]) => kinds[kind] > 0).map(([kind, label]) => (
          <span key={kind} class={kind}>
            {label} {percent(kinds[kind] / root.total)}
          </span>
        ))}
      </p>
      <Heaviest root={root} />
    </>
  );
}

function Heaviest({ root }: { root: Frame }) {
  return (
    <table aria-label="Functions with most time of their own">
      <Columns titles={["Heaviest functions", "Place", { number: "Share" }, { number: "Time" }]} />
      <tbody>
        {heaviest(root, 8).map(({ name, place, self }) => (
          <tr key={`${name} ${place}`}>
            <th scope="row">{name}</th>
            <td>
              <code>{place}</code>
            </td>
            <td class="number">{percent(self / root.total)}</td>
            <td class="number">{duration(self / 1000)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function find(root: Frame, path: string): Frame {
  let frame = root;
  for (const index of path.split(".").slice(1)) frame = frame.children[Number(index)] ?? frame;
  return frame;
}

function layOut(top: Frame, path: string): Box[] {
  const boxes: Box[] = [];
  const add = (frame: Frame, left: number, depth: number, path: string): void => {
    const width = frame.total / top.total;
    if (width < LEAST || depth > DEEPEST) return;
    boxes.push({ frame, left, width, depth, path });
    let x = left;
    frame.children.forEach((child, i) => {
      add(child, x, depth + 1, `${path}.${i}`);
      x += child.total / top.total;
    });
  };
  add(top, 0, 0, path);
  return boxes;
}
