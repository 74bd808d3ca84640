import { parse, type ValueNode } from "@humanwhocodes/momoa";

/** A JSON value that knows its line. Objects keep repeated keys, numbers keep their text. */
export type Json =
  | { kind: "object"; line: number; members: { key: string; value: Json }[] }
  | { kind: "array"; line: number; items: Json[] }
  | { kind: "string"; line: number; value: string }
  | { kind: "number"; line: number; value: number; text: string }
  | { kind: "boolean"; line: number; value: boolean }
  | { kind: "null"; line: number };

export type ObjectJson = Extract<Json, { kind: "object" }>;

/** Where the first error is. Nothing of the text, which may hold secrets. */
export interface SyntaxFault {
  line: number;
  column: number;
}

/** Strict JSON (RFC 8259); a byte order mark ahead is accepted. Never throws. */
export function parseJson(text: string): Json | { fault: SyntaxFault } {
  const body = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  try {
    return convert(parse(body, { mode: "json", ranges: true }).body, body);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { line = 1, column = 1 } = error as Error & Partial<SyntaxFault>;
    return { fault: { line, column } };
  }
}

function convert(node: ValueNode, text: string): Json {
  const line = node.loc.start.line;
  switch (node.type) {
    case "Object":
      return {
        kind: "object",
        line,
        members: node.members.map(({ name, value }) => ({
          key: name.type === "String" ? stringOf(name, text) : name.name,
          value: convert(value, text),
        })),
      };
    case "Array":
      return { kind: "array", line, items: node.elements.map((element) => convert(element.value, text)) };
    case "String":
      return { kind: "string", line, value: stringOf(node, text) };
    case "Number":
      return { kind: "number", line, value: node.value, text: text.slice(...node.range!) };
    case "Boolean":
      return { kind: "boolean", line, value: node.value };
    default:
      return { kind: "null", line };
  }
}

/** The parser lets control characters in strings pass; JSON and the reference do not. */
function stringOf(node: Extract<ValueNode, { type: "String" }>, text: string): string {
  const raw = text.slice(...node.range!);
  for (let i = 0; i < raw.length; i++) {
    if (raw.charCodeAt(i) < 0x20) throw Object.assign(new SyntaxError("control character"), node.loc.start);
  }
  return node.value;
}

/** As plain data; of repeated keys the last counts. Objects have no prototype, so any key is safe. */
export function toPlain(json: Json): unknown {
  switch (json.kind) {
    case "object": {
      const object: { [key: string]: unknown } = Object.create(null);
      for (const { key, value } of json.members) object[key] = toPlain(value);
      return object;
    }
    case "array":
      return json.items.map(toPlain);
    case "null":
      return null;
    default:
      return json.value;
  }
}
