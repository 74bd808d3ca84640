import type { Symbols } from "./symbols.ts";
import type { Tuples } from "./tuples.ts";

/** What a counter is called. Bytes where a Go string may be no UTF-8. */
export interface Labels {
  /** Of a nested one (`keyendpoints`, `oauthendpoints`): the key above it. */
  readonly outer: Uint8Array | null;
  readonly key: Uint8Array;
  readonly identifier: string;
  readonly human: string;
}

/** What labels are made from: the counter's key (symbols, or a tuple of api id and path), and the last name seen for it. */
export interface LabelSource {
  readonly symbols: Symbols;
  /** (api id, path) */
  readonly paths: Tuples;
  readonly first: number;
  readonly second: number;
  readonly human: number;
}

export type MakeLabels = (source: LabelSource) => Labels;

const COLON = Buffer.from(":");
const UNDERLINE = Buffer.from("_");
const DOT = Buffer.from("\\u2e");
const POINT = 46;

/** Standard base64 without the padding, of texts joined by colons. */
function base64(...parts: Uint8Array[]): string {
  return join(parts, COLON).toString("base64").replace(/=+$/, "");
}

function join(parts: readonly Uint8Array[], separator: Uint8Array): Buffer {
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [separator, part])));
}

/** Each "." becomes the four characters \u2e. */
export function withoutDots(path: Uint8Array): Uint8Array {
  if (!path.includes(POINT)) return path;
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = path.indexOf(POINT); at >= 0; at = path.indexOf(POINT, from)) {
    pieces.push(path.subarray(from, at), DOT);
    from = at + 1;
  }
  pieces.push(path.subarray(from));
  return Buffer.concat(pieces);
}

function ascii(text: string): Labels {
  return { outer: null, key: Buffer.from(text, "latin1"), identifier: text, human: text };
}

/** The key itself. */
export const plain: MakeLabels = ({ symbols, first }) => {
  const text = symbols.textOf(first);
  return { outer: null, key: symbols.bytesOf(first), identifier: text, human: text };
};

/** The key, and the name that the records gave. */
export const named: MakeLabels = (source) => ({ ...plain(source), human: source.symbols.textOf(source.human) });

export const unnamed: MakeLabels = (source) => ({ ...plain(source), human: "" });

/** (api id, version) */
export const version: MakeLabels = ({ symbols, first, second }) => {
  const text = symbols.textOf(second);
  const labels = ascii(base64(symbols.bytesOf(first), symbols.bytesOf(second)));
  return { ...labels, identifier: text, human: text };
};

export const endpoint: MakeLabels = (source) => {
  const labels = plain(source);
  return { ...labels, key: withoutDots(labels.key) };
};

/** (key or OAuth client, (api id, path)) */
export const nestedEndpoint: MakeLabels = ({ symbols, paths, first, second }) => ({
  ...ascii(base64(symbols.bytesOf(paths.a(second)), symbols.bytesOf(paths.b(second)))),
  outer: symbols.bytesOf(first),
});

/** (version, (api id, path)) */
export const apiEndpoint: MakeLabels = ({ symbols, paths, first, second }) => {
  const api = symbols.bytesOf(paths.a(second));
  const labels = ascii(join([api, symbols.bytesOf(first), symbols.bytesOf(paths.b(second))], COLON).toString("hex"));
  return { ...labels, human: symbols.textOf(paths.b(second)) };
};

/** (primitive type, name) */
export const primitiveName: MakeLabels = ({ symbols, first, second }) => {
  const name = symbols.bytesOf(second);
  const human = symbols.textOf(second);
  if (first === 0) return { outer: null, key: name, identifier: human, human };
  return {
    outer: null,
    key: join([symbols.bytesOf(first), name], UNDERLINE),
    identifier: `${symbols.textOf(first)}_${human}`,
    human,
  };
};

export const total: MakeLabels = () => ({ ...ascii("total"), identifier: "", human: "" });
