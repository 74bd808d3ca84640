import { expect, test } from "vitest";
import { oneLine } from "./payload.ts";

const through = (text: string) => JSON.parse(`"${oneLine(JSON.stringify(text).slice(1, -1))}"`);
const HEAD = "POST / HTTP/1.1\r\nHost: example.com\r\n\r\n";

test.each([
  ["", ""],
  ["UE9TVCAvIEhUVFAvMS4x", "UE9TVCAvIEhUVFAvMS4x"],
  ["GET / HTTP/1.1\r\nHost: example.com\r\nAccept: */*", "GET / HTTP/1.1 Host: example.com Accept: */*"],
  [`${HEAD}{\t"key": "value",\n\t"num": 123}`, 'POST / HTTP/1.1 Host: example.com {"key":"value","num":123}'],
  [`${HEAD}[\n1,\n2,\n3\n]`, "POST / HTTP/1.1 Host: example.com [1,2,3]"],
  [`${HEAD}{\n\n\n"key": "value"\n`, 'POST / HTTP/1.1 Host: example.com  {   "key": "value" '],
  [`${HEAD}Hello\r\nWorld\t!`, "POST / HTTP/1.1 Host: example.com  Hello World!"],
  ['POST / HTTP/1.1\r\n\r\n\r\n{\n"key": "value"\n}', 'POST / HTTP/1.1 {"key":"value"}'],
  [`${HEAD} 1.50e3 `, "POST / HTTP/1.1 Host: example.com 1.50e3"],
  [`${HEAD}{"a": "b \\"  c\\\\", "d": " "}`, 'POST / HTTP/1.1 Host: example.com {"a":"b \\"  c\\\\","d":" "}'],
])("%j", (text, line) => {
  expect(through(text)).toBe(line);
});

test("escapes stay as Go writes them", () => {
  // A byte that is not UTF-8, the character U+FFFD, a backslash before "ufffd", and HTML.
  expect(oneLine("\\ufffd \ufffd \\\\ufffd \\u003cb\\u003e \\u2028\\n")).toBe(
    "\\ufffd \ufffd \\\\ufffd \\u003cb\\u003e \\u2028 ",
  );
});

test("a body of one long string is compacted, too", () => {
  const long = "x".repeat(12_000_000);
  const line = oneLine(`a\\r\\n\\r\\n{ \\"b\\" : \\"${long}\\" }`);
  expect(line === `a {\\"b\\":\\"${long}\\"}`).toBe(true);
});
