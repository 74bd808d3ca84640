import { expect, test } from "vitest";
import { pathKeysOf, pathsIn } from "./paths.ts";

test("a key is a path only where the keys beside it say so", () => {
  const schema = {
    properties: {
      type: { type: "string" },
      connection_string: { type: "string", path: "write", pathWhen: { type: "sqlite" } },
      tls: { properties: { ca: { type: "string", path: "read" } } },
    },
  } as const;
  const keys = pathKeysOf(schema);
  expect(pathsIn({ type: "sqlite", connection_string: "/a/b.db", tls: { ca: "/ca" } }, keys)).toEqual({
    read: ["/ca"],
    write: ["/a/b.db"],
  });
  expect(pathsIn({ type: "postgres", connection_string: "host=a password=b" }, keys)).toEqual({ read: [], write: [] });
});
