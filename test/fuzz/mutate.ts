import fc from "fast-check";

/** Bytes that mean much in the formats that are read here. */
const TELLING = [0x00, 0x0a, 0x22, 0x24, 0x2a, 0x2c, 0x30, 0x39, 0x5b, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0x8f, 0x90, 0x9f]
  .concat([0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc6, 0xca, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf])
  .concat([0xe0, 0xff]);

/** Lengths that are not there: four of 32 bits behind a code of msgpack, a varint, and numbers in text. */
const BOMBS = [
  "dbffffffff",
  "ddffffffff",
  "dfffffffff",
  "c6fffffff0",
  "dd00ffffff",
  "ffffffffffffffffff01",
  "ffffffff0f",
]
  .map((hex) => Buffer.from(hex, "hex"))
  .concat(["99999999999", "-1", "536870913", "1e309", "\r\n"].map((text) => Buffer.from(text)));

type Change =
  | { kind: "flip"; at: number; bit: number }
  | { kind: "set"; at: number; byte: number }
  | { kind: "cut" | "repeat" | "splice" | "move"; at: number; size: number; from: number }
  | { kind: "end"; at: number }
  | { kind: "bomb"; at: number; bytes: Buffer; over: boolean };

const place = fc.nat();
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("flip" as const), at: place, bit: fc.nat(7) }),
  fc.record({
    kind: fc.constant("set" as const),
    at: place,
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...TELLING)),
  }),
  fc.record({
    kind: fc.constantFrom("cut" as const, "repeat" as const, "splice" as const, "move" as const),
    at: place,
    size: fc.oneof(fc.nat(8), fc.nat(80), fc.nat(2000)),
    from: place,
  }),
  fc.record({ kind: fc.constant("end" as const), at: place }),
  fc.record({ kind: fc.constant("bomb" as const), at: place, bytes: fc.constantFrom(...BOMBS), over: fc.boolean() }),
);

/** One of these, changed at a few places; rarely, bytes of no origin. Shrinks to fewer changes. */
export function mutated(originals: readonly Uint8Array[], most = 6): fc.Arbitrary<Buffer> {
  const one = fc.constantFrom(...originals);
  const changed = fc
    .tuple(one, one, fc.array(change, { maxLength: most }))
    .map(([original, other, changes]) =>
      changes.reduce((bytes, how) => apply(bytes, how, other), Buffer.from(original)),
    );
  const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: any });
}

/** `other`: where spliced pieces come from. */
function apply(bytes: Buffer, how: Change, other: Uint8Array): Buffer<ArrayBuffer> {
  const at = bytes.length === 0 ? 0 : how.at % bytes.length;
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (how.kind) {
    case "flip":
    case "set": {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = how.kind === "set" ? how.byte : changed[at]! ^ (1 << how.bit);
      return changed;
    }
    case "end":
      return Buffer.from(before);
    case "bomb":
      return Buffer.concat([before, how.bytes, how.over ? after.subarray(how.bytes.length) : after]);
    case "cut":
      return Buffer.concat([before, after.subarray(how.size)]);
    case "repeat":
      return Buffer.concat([before, after.subarray(0, how.size), after]);
    default: {
      const source = how.kind === "move" ? bytes : other;
      const from = source.length === 0 ? 0 : how.from % source.length;
      return Buffer.concat([before, source.subarray(from, from + how.size), after]);
    }
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What stands where something else was meant. */
const ODD: readonly Json[] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  2 ** 53,
  "",
  "0",
  "true",
  "10s",
  "\u0000\n\u001b[31m\u202e",
  "x".repeat(3000),
]
  .concat([
    "kv://",
    "kv://a/b#c",
    "$kv{a:b}",
    "../../etc/passwd",
    "/dev/null",
    "constructor",
    "redis://u:p@h:99999/x?a=b",
  ] as never)
  .concat([
    [],
    {},
    [[]],
    [null],
    deep(300),
    JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'),
  ] as never);
const ODD_KEYS = ["__proto__", "constructor", "prototype", "toString", "", "x".repeat(300), "\n", "META", "Type", "0"];

function deep(levels: number): Json {
  let json: Json = [];
  for (let i = 0; i < levels; i++) json = [json];
  return json;
}

const jsonChange = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("value", "delete", "key", "twice", "borrow"),
  odd: fc.oneof(fc.constantFrom(...ODD), fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>),
  key: fc.oneof(fc.constantFrom(...ODD_KEYS), fc.string({ maxLength: 10 })),
  from: fc.nat(),
});

/** The text of one of these documents with a few of its values and keys changed, or with bytes of it changed. */
export function mutatedJson(originals: readonly Json[], most = 5): fc.Arbitrary<string> {
  const changed = fc
    .tuple(fc.constantFrom(...originals), fc.array(jsonChange, { minLength: 1, maxLength: most }))
    .map(([original, changes]) => {
      const document = { root: structuredClone(original) };
      for (const change of changes) changeJson(document, change);
      return JSON.stringify(document.root);
    });
  const texts = originals.map((original) => Buffer.from(JSON.stringify(original)));
  return fc.oneof(
    { weight: 3, arbitrary: changed },
    { weight: 2, arbitrary: mutated(texts).map((bytes) => bytes.toString("utf8")) },
  );
}

function changeJson(
  document: { root: Json },
  { at, kind, odd, key, from }: { at: number; kind: string; odd: Json; key: string; from: number },
): void {
  const places = placesIn(document);
  const { holder, name } = places[at % places.length]!;
  const other = places[from % places.length]!;
  // A clone: what a later change does to it must not be there in the next document.
  if (holder === document || kind === "value") set(holder, name, structuredClone(odd));
  else if (kind === "delete") delete holder[name];
  else if (kind === "borrow") set(holder, name, structuredClone(other.holder[other.name]!));
  else {
    const value = holder[name]!;
    if (kind === "key") delete holder[name];
    set(holder, Array.isArray(holder) ? String(holder.length) : key, value);
  }
}

interface Place {
  readonly holder: { [key: string]: Json };
  readonly name: string;
}

function placesIn(value: object): Place[] {
  const holder = value as { [key: string]: Json };
  return Object.keys(holder).flatMap((name) => {
    const below = holder[name];
    return [{ holder, name }, ...(typeof below === "object" && below !== null ? placesIn(below) : [])];
  });
}

/** An own property, whatever it is called. */
function set(holder: { [key: string]: Json }, key: string, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}
