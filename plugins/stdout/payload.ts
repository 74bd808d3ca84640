/**
 * Makes a raw request or response fit one line, as Tyk Pump does: without CR and TAB, LF as a space, and a body of JSON compacted. It cannot be
 * taken back. `literal`: the inside of a JSON string; so is what comes back.
 */
export function oneLine(literal: string): string {
  const text = JSON.parse(`"${literal.replace(ESCAPED_BYTE, (found) => (found === BACKSLASH ? found : BAD_BYTE))}"`);
  const end = text.indexOf("\r\n\r\n");
  const body = end < 0 ? null : compact(text.slice(end + 4));
  const line = body === null ? strip(text) : `${strip(text.slice(0, end))} ${body}`;
  return literalOf(line);
}

/** Go writes a byte that is not UTF-8 as \ufffd, but the character U+FFFD as itself; a lone surrogate keeps them apart here. */
const ESCAPED_BYTE = /\\(?:\\|ufffd)/g;
const BACKSLASH = "\\\\";
const BAD_BYTE = "\\udc80";

function literalOf(text: string): string {
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/\\(?:\\|udc80)|[<>&\u2028\u2029]/g, (found) => {
      if (found === BACKSLASH) return found;
      return found === BAD_BYTE ? "\\ufffd" : `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
}

function strip(text: string): string {
  return text.replace(/[\r\t]/g, "").replaceAll("\n", " ");
}

/** Without white space between its tokens; null if it is not JSON. */
function compact(text: string): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let compacted = "";
  let copied = 0;
  let quoted = false;
  // Not by one expression for a whole string: of megabytes it would run out of stack.
  for (const { 0: found, index } of text.matchAll(/\\.|"|[ \t\r\n]+/g)) {
    if (found === '"') quoted = !quoted;
    else if (!quoted) {
      compacted += text.slice(copied, index);
      copied = index + found.length;
    }
  }
  return compacted + text.slice(copied);
}
