import fc from "fast-check";
import { expect, test } from "vitest";
import { flameOf, heaviest } from "./flame.ts";

const HOST = ["file:///opt/sluice/sdk/", "file:///opt/sluice/core/"];
const PLUGIN = "file:///opt/sluice/plugins/csv/index.ts";

function node(id: number, functionName: string, url = "", children: number[] = [], lineNumber = 0) {
  return { id, callFrame: { functionName, url, lineNumber }, children };
}

/** Samples of one millisecond each. */
function profile(nodes: object[], samples: number[]): string {
  return JSON.stringify({ nodes, samples, timeDeltas: [0, ...samples.map(() => 1000)] });
}

const TREE = [
  node(1, "(root)", "", [2, 3, 4, 9]),
  node(2, "(idle)"),
  node(3, "(garbage collector)"),
  node(4, "receive", "file:///opt/sluice/sdk/runtime/runtime.ts", [5, 6]),
  node(5, "write", PLUGIN, [7, 8], 41),
  node(6, "scanShape"),
  node(7, "writev", "node:fs", [10], 9),
  node(8, "crc32"),
  node(9, "(program)"),
  node(10, "writeBuffers"),
];

test("time is put down to whose code it was; native code works for its caller", () => {
  const { root, idle, kinds } = flameOf(profile(TREE, [2, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10]), HOST);
  expect(idle).toBe(2000);
  expect(root).toMatchObject({ name: "(all)", total: 9000, self: 0 });
  expect(kinds).toEqual({ plugin: 3000, sluice: 2000, node: 2000, collector: 1000, engine: 1000 });
  const receive = root.children[0]!;
  expect(receive).toMatchObject({ name: "receive", place: "sdk/runtime/runtime.ts:1", kind: "sluice", total: 7000 });
  expect(receive.children[0]).toMatchObject({ name: "write", place: "plugins/csv/index.ts:42", kind: "plugin" });
  const native = heaviest(root, 20).find(({ name }) => name === "writeBuffers");
  expect(native).toMatchObject({ kind: "node", place: "node:fs:10", self: 1000 });
});

test("calls of one function from one place are one frame; one that calls itself counts once", () => {
  const nodes = [
    node(1, "(root)", "", [2, 3]),
    node(2, "walk", PLUGIN, [4]),
    node(3, "walk", PLUGIN),
    node(4, "walk", PLUGIN),
  ];
  const { root } = flameOf(profile(nodes, [2, 3, 4, 4]), HOST);
  expect(root.children).toMatchObject([{ name: "walk", self: 2000, total: 4000 }]);
  expect(heaviest(root, 5)).toMatchObject([{ name: "walk", self: 4000, total: 4000 }]);
});

test("what was forged ends in an error or in a tree, never in a loop", () => {
  const loop = [node(1, "(root)", "", [2]), node(2, "a", "", [3]), node(3, "b", "", [2, 1])];
  expect(() => flameOf(profile(loop, [2, 3]), HOST)).toThrow(TypeError);
  const inner = [node(1, "(root)", "", [2]), node(2, "a", "", [3, 3]), node(3, "b", "", [2, 2])];
  expect(flameOf(profile(inner, [2, 3]), HOST).root.total).toBe(2000);
  for (const text of ["", "null", "{}", "[]", '{"nodes":[],"samples":[],"timeDeltas":[]}', '{"nodes":[null]}']) {
    expect(() => flameOf(text, HOST)).toThrow();
  }
});

test("every sample is somewhere, whatever the tree", () => {
  const trees = fc.array(
    fc.record({ parent: fc.nat(), name: fc.constantFrom("a", "b", "(idle)"), samples: fc.nat(3) }),
    {
      maxLength: 40,
    },
  );
  fc.assert(
    fc.property(trees, (drawn) => {
      const nodes = [node(0, "(root)", "", [])];
      // Nothing is called by a thread that does nothing.
      const parents = [0];
      const samples: number[] = [];
      for (const [i, { parent, name, samples: count }] of drawn.entries()) {
        const id = i + 1;
        nodes.push(node(id, name, "", []));
        nodes[parents[parent % parents.length]!]!.children.push(id);
        if (name !== "(idle)") parents.push(id);
        for (let n = 0; n < count; n++) samples.push(id);
      }
      const { root, idle, kinds } = flameOf(profile(nodes, samples), []);
      expect(root.total + idle).toBe(samples.length * 1000);
      expect(Object.values(kinds).reduce((sum, us) => sum + us, 0)).toBe(root.total);
    }),
  );
});
