// Plain JavaScript without newer syntax: an old runtime must get as far as the sentence below.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 9)) {
  // A checkout brings the one that it needs.
  const bin = fileURLToPath(new URL("../../node_modules/.bin", import.meta.url));
  const or = existsSync(`${bin}/node`) ? `, or put ${bin}, which has it, first on PATH` : "";
  process.stderr.write(`sluice: Node.js 24.9 or later is needed, this is ${process.versions.node}; install it${or}\n`);
  process.exit(1);
}
