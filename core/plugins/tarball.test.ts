import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type TarEntry, tarball } from "../../test/support/tarball.ts";
import { PluginError } from "./errors.ts";
import { ARCHIVE_LIMITS, filesOf, unpack } from "./tarball.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-tar-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("files are unpacked without the package's own folder", () => {
  const long = `${"a".repeat(90)}/${"b".repeat(90)}.txt`;
  const record = `path=package/${long}\n`;
  const pax = `${record.length + 4} ${record}`;
  unpack(
    tarball([
      { path: "package", kind: "5" },
      { path: "package/a.txt", content: "a" },
      { path: "package/deep/b.txt", content: "b".repeat(1000) },
      { path: "PaxHeader", kind: "x", content: pax },
      { path: "package/cut", content: "long" },
      { path: "package/empty", content: "" },
    ]),
    join(folder, "out"),
  );
  const read = (path: string) => readFileSync(join(folder, "out", path), "utf8");
  expect([read("a.txt"), read("deep/b.txt").length, read(long), read("empty")]).toEqual(["a", 1000, "long", ""]);
});

describe("refused, and nothing written:", () => {
  const ok: TarEntry = { path: "package/package.json", content: "{}" };
  test.each<[string, TarEntry[], RegExp]>([
    ["a path that leads out", [ok, { path: "package/../../evil" }], /not inside the package/],
    ["an absolute path", [ok, { path: "/etc/cron.d/evil" }], /not inside the package/],
    ["a path with backslashes", [ok, { path: "package\\..\\evil" }], /not inside the package/],
    ["a drive", [ok, { path: "package/C:/evil" }], /not inside the package/],
    ["a newline in a path", [ok, { path: "package/a\nb" }], /not inside the package/],
    ["a symbolic link", [ok, { path: "package/link", kind: "2", target: "/etc" }], /is a link/],
    ["a hard link", [ok, { path: "package/link", kind: "1", target: "package/package.json" }], /is a link/],
    ["a device", [ok, { path: "package/dev", kind: "3" }], /no plain file/],
    ["one path twice", [ok, ok], /in it twice/],
    ["a file that is a folder", [ok, { path: "package/package.json/x" }], /file and a folder/],
    ["a folder that is a file", [ok, { path: "package/x/y" }, { path: "package/x" }], /in it twice/],
    [
      "a long name by pax that leads out",
      [ok, { path: "p", kind: "x", content: "19 path=a/../../x\n\n" }, ok],
      /damaged|inside/,
    ],
    ["no file", [{ path: "package", kind: "5" }], /holds no file/],
  ])("%s", (_, entries, why) => {
    expect(() => unpack(tarball(entries), join(folder, "out"))).toThrow(PluginError);
    expect(() => unpack(tarball(entries), join(folder, "out"))).toThrow(why);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  test("an archive that unpacks to more than is taken", () => {
    const bomb = gzipSync(Buffer.alloc(ARCHIVE_LIMITS.unpacked + 1), { level: 1 });
    expect(bomb.length).toBeLessThan(4 << 20);
    expect(() => filesOf(bomb)).toThrow(/unpacks to more than/);
  });

  test("more files than are taken", () => {
    const entries = Array.from({ length: ARCHIVE_LIMITS.files + 1 }, (_, i) => ({ path: `package/${i}` }));
    expect(() => filesOf(tarball(entries))).toThrow(/more than 20000 files/);
  });

  test("what is no archive", () => {
    expect(() => filesOf(Buffer.from("<html>"))).toThrow(/no gzip/);
    expect(() => filesOf(gzipSync("x".repeat(512)))).toThrow(/damaged/);
  });
});

test("whatever bytes come, it is files or a PluginError", () => {
  const sound = tarball([{ path: "package/a", content: "a".repeat(600) }]);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 5 }), (changes) => {
      const tar = Buffer.from(Buffer.alloc(2048));
      Buffer.from(filesOf(sound).get("a")!).copy(tar, 512);
      for (const [at, byte] of changes) tar[at] = byte;
      try {
        filesOf(gzipSync(tar, { level: 1 }));
      } catch (error) {
        if (!(error instanceof PluginError)) throw error;
      }
    }),
    { numRuns: 200 },
  );
});
