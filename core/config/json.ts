import { parse, type ValueNode } from "@humanwhocodes/momoa";

/** Both from 1; a column is a UTF-16 unit, as editors count. */
export interface Position {
  line: number;
  column: number;
}

/** A JSON value that knows where it stands. Objects keep repeated keys and where each key stands, numbers keep their text. */
export type Json =
  | { kind: "object"; at: Position; members: Member[] }
  | { kind: "array"; at: Position; items: Json[] }
  | { kind: "string"; at: Position; value: string }
  | { kind: "number"; at: Position; value: number; text: string }
  | { kind: "boolean"; at: Position; value: boolean }
  | { kind: "null"; at: Position };

export interface Member {
  key: string;
  at: Position;
  value: Json;
}

export type ObjectJson = Extract<Json, { kind: "object" }>;

/** Strict JSON (RFC 8259); a byte order mark ahead is accepted. Never throws. `fault`: where the first error is, and nothing of the text, which may hold secrets. */
export function parseJson(text: string): Json | { fault: Position } {
  const body = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  try {
    return convert(parse(body, { mode: "json", ranges: true }).body, body);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // Of a text that ends too early the parser tells the wrong place.
    if (error.message.startsWith("Unexpected end of input")) return { fault: endOf(body) };
    const { line = 1, column = 1 } = error as Error & Partial<Position>;
    return { fault: { line, column } };
  }
}

function convert(node: ValueNode, text: string): Json {
  const at = positionOf(node);
  switch (node.type) {
    case "Object":
      return {
        kind: "object",
        at,
        members: node.members.map(({ name, value }) => ({
          key: name.type === "String" ? stringOf(name, text) : name.name,
          at: positionOf(name),
          value: convert(value, text),
        })),
      };
    case "Array":
      return { kind: "array", at, items: node.elements.map((element) => convert(element.value, text)) };
    case "String":
      return { kind: "string", at, value: stringOf(node, text) };
    case "Number":
      return { kind: "number", at, value: node.value, text: text.slice(...node.range!) };
    case "Boolean":
      return { kind: "boolean", at, value: node.value };
    default:
      return { kind: "null", at };
  }
}

function endOf(text: string): Position {
  const lines = text.split(/\r\n|\r|\n/);
  return { line: lines.length, column: lines.at(-1)!.length + 1 };
}

function positionOf({ loc }: { loc: { start: Position } }): Position {
  return { line: loc.start.line, column: loc.start.column };
}

/** The parser lets control characters in strings pass; JSON and the reference do not. */
function stringOf(node: Extract<ValueNode, { type: "String" }>, text: string): string {
  const raw = text.slice(...node.range!);
  for (let i = 0; i < raw.length; i++) {
    if (raw.charCodeAt(i) < 0x20) throw Object.assign(new SyntaxError("control character"), node.loc.start);
  }
  return node.value;
}

/** As compact JSON, with all digits of its numbers. */
export function toText(json: Json): string {
  switch (json.kind) {
    case "object":
      return `{${json.members.map(({ key, value }) => `${JSON.stringify(key)}:${toText(value)}`).join()}}`;
    case "array":
      return `[${json.items.map(toText).join()}]`;
    case "number":
      return json.text;
    default:
      return JSON.stringify(json.kind === "null" ? null : json.value);
  }
}

/** As plain data; of repeated keys the last counts, and `text` changes strings. Objects have no prototype, so any key is safe. */
export function toPlain(json: Json, text: (value: string) => unknown = (value) => value): unknown {
  switch (json.kind) {
    case "object": {
      const object: { [key: string]: unknown } = Object.create(null);
      for (const { key, value } of json.members) object[key] = toPlain(value, text);
      return object;
    }
    case "array":
      return json.items.map((item) => toPlain(item, text));
    case "string":
      return text(json.value);
    case "null":
      return null;
    default:
      return json.value;
  }
}
