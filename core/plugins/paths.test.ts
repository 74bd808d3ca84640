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

test("words of a connection string may name files", () => {
  const keys = pathKeysOf({ properties: { dsn: { type: "string", pathWords: ["sslrootcert", "sslkey"] } } });
  const read = (dsn: string) => pathsIn({ dsn }, keys).read;
  expect(read("host=h sslrootcert=/ca.pem password='sslkey=/no' sslkey = '/my key'")).toEqual(["/ca.pem", "/my key"]);
  expect(read("postgres://u:p@a,b/d?sslmode=verify-ca&sslrootcert=%2Fetc%2Fca.pem&x=%zz")).toEqual(["/etc/ca.pem"]);
  expect(read("host=h")).toEqual([]);
});
