// What can be set only when a process starts. Plain JavaScript: it is done before any TypeScript is loaded.

/**
 * glibc keeps eight heaps a core for threads, which fill up with what any of them gave back: two are enough for us. And once a
 * large block was given back it takes blocks as large from these heaps, too, where what is free between others is never free for
 * the system: from so many bytes on, always from the system.
 */
export const ENVIRONMENT = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: String(1024 * 1024) };

export const FLAGS = [
  // The supervisor keeps no objects: a larger nursery would only hold more garbage. MB.
  "--max-semi-space-size=4",
  // When threads compile the calls out of one WebAssembly module (Node's own type stripping and fetch have such) at one moment, V8 13.6
  // may lose count of its pages and end the process ("Check failed: jit_page.has_value()"). So they are never compiled.
  "--wasm-wrapper-tiering-budget=1000000000",
];

/** Goes on as a process that was started so, under the same pid; where the system has no such call, as it is. */
export function settle() {
  if (typeof process.execve !== "function" || FLAGS.every((flag) => process.execArgv.includes(flag))) return;
  const command = [process.execPath, ...FLAGS, ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, command, { ...ENVIRONMENT, ...process.env });
}
