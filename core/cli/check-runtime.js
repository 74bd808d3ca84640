// Plain JavaScript without newer syntax: an old runtime must get as far as the sentence below.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 9)) {
  process.stderr.write(
    `sluice: Node.js 24.9 or later is needed, this is ${process.versions.node}; install it, or put node_modules/.bin first on PATH\n`,
  );
  process.exit(1);
}
