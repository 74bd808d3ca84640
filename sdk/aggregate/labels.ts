import type { Symbols } from "./symbols.ts";
import type { Tuples } from "./tuples.ts";

/** What labels are made from: a counter's key (symbols, or a tuple of API and path), and the last name seen for it. */
export interface LabelSource {
  readonly symbols: Symbols;
  /** (api id, path, 0) */
  readonly paths: Tuples;
  readonly first: number;
  readonly second: number;
  readonly human: number;
}

/** What a counter is called. */
export interface Labels {
  /** Writes the key: bytes, for a Go string need not be UTF-8. */
  key(source: LabelSource, out: Scratch): void;
  /** Null: the same as the key. */
  identifier(source: LabelSource): string | null;
  human(source: LabelSource): string | null;
}

const DOT = Buffer.from("\\u2e");
const POINT = 46;

/** Bytes that are put together again and again in the same memory. */
export class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  end = 0;

  put(bytes: Uint8Array): void {
    this.#ensure(bytes.length);
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** Text of ASCII only. */
  text(text: string): void {
    this.#ensure(text.length);
    this.end += this.bytes.write(text, this.end, "latin1");
  }

  /** Puts what lies from `from` on in hexadecimal, or in standard base64 without its padding. */
  encode(from: number, encoding: "hex" | "base64"): void {
    const text = this.bytes.toString(encoding, from, this.end);
    const padding = encoding === "hex" ? -1 : text.indexOf("=");
    this.end = from;
    this.text(padding < 0 ? text : text.slice(0, padding));
  }

  #ensure(size: number): void {
    if (this.end + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.end + size));
    this.bytes.copy(larger, 0, 0, this.end);
    this.bytes = larger;
  }
}

const same = () => null;
const none = () => "";
const first = ({ symbols, first }: LabelSource) => symbols.textOf(first);
const second = ({ symbols, second }: LabelSource) => symbols.textOf(second);
const ownKey: Labels["key"] = ({ symbols, first }, out) => out.put(symbols.bytesOf(first));

/** The key itself. */
export const plain: Labels = { key: ownKey, identifier: first, human: first };

/** The key, and the name that the records gave. */
export const named: Labels = { ...plain, human: ({ symbols, human }) => symbols.textOf(human) };

export const unnamed: Labels = { ...plain, human: none };

/** (api id, version) */
export const version: Labels = {
  key({ symbols, first, second }, out) {
    const from = out.end;
    out.put(symbols.bytesOf(first));
    out.text(":");
    out.put(symbols.bytesOf(second));
    out.encode(from, "base64");
  },
  identifier: second,
  human: second,
};

/** Each "." becomes the four characters \u2e. */
export const endpoint: Labels = {
  ...plain,
  key({ symbols, first }, out) {
    const path = symbols.bytesOf(first);
    let from = 0;
    for (let at = path.indexOf(POINT); at >= 0; at = path.indexOf(POINT, from)) {
      out.put(path.subarray(from, at));
      out.put(DOT);
      from = at + 1;
    }
    out.put(path.subarray(from));
  },
};

/** (API key or OAuth client, (api id, path)); the first is the outer key. */
export const nestedEndpoint: Labels = {
  key({ symbols, paths, second }, out) {
    const from = out.end;
    out.put(symbols.bytesOf(paths.a(second)));
    out.text(":");
    out.put(symbols.bytesOf(paths.b(second)));
    out.encode(from, "base64");
  },
  identifier: same,
  human: same,
};

/** (version, (api id, path)) */
export const apiEndpoint: Labels = {
  key({ symbols, paths, first, second }, out) {
    const from = out.end;
    out.put(symbols.bytesOf(paths.a(second)));
    out.text(":");
    out.put(symbols.bytesOf(first));
    out.text(":");
    out.put(symbols.bytesOf(paths.b(second)));
    out.encode(from, "hex");
  },
  identifier: same,
  human: ({ symbols, paths, second }) => symbols.textOf(paths.b(second)),
};

/** (primitive type, name) */
export const primitiveName: Labels = {
  key({ symbols, first, second }, out) {
    if (first !== 0) {
      out.put(symbols.bytesOf(first));
      out.text("_");
    }
    out.put(symbols.bytesOf(second));
  },
  identifier: same,
  human: second,
};

export const total: Labels = { key: (_, out) => out.text("total"), identifier: none, human: none };
