import { expect, test } from "vitest";
import { plainJson } from "./format.ts";

test("JSON for a terminal holds nothing that could steer it", () => {
  const shown = plainJson({ path: "/\u009b31m\u202e\x1b[2J\u007f", agent: "Grüße ✓" });
  expect(shown).toBe('{\n  "path": "/\\u{9b}31m\\u{202e}\\u001b[2J\\u{7f}",\n  "agent": "Grüße ✓"\n}');
});
