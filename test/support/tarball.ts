import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";

/** One entry of an archive; whatever a test wants it to say. */
export interface TarEntry {
  path: string;
  content?: string | Uint8Array;
  /** "0" a file, "1" a hard link, "2" a symbolic link, "5" a folder, "x" pax records. */
  kind?: string;
  /** Where a link leads. */
  target?: string;
}

/** A gzipped tar of these entries, in this order. */
export function tarball(entries: readonly TarEntry[]): Buffer {
  return gzipSync(tarOf(entries), { level: 1 });
}

export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, content = "", kind = "0", target = "" }) => {
    const body = Buffer.from(content as string);
    const head = Buffer.alloc(512);
    head.write(path, 0, 100);
    head.write("0000644\0", 100);
    head.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    head.write("00000000000\0", 136);
    head.write("        ", 148);
    head.write(kind, 156);
    head.write(target, 157, 100);
    head.write("ustar\x0000", 257);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [head, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The package in `folder` as npm would pack it, without what lies below the folders in `without`. */
export function packageOf(folder: string, without: readonly string[] = ["node_modules"]): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
  const kept = paths.filter((path) => !without.some((one) => path.startsWith(`${one}/`)));
  return tarball(kept.map((path) => ({ path: `package/${path}`, content: readFileSync(join(folder, path)) })));
}
