import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Body, MakeBody, SentPiece, Usage } from "./body.ts";
import { frameReader, writeFrame } from "./frames.ts";
import { type HeapSample, megabytes, resourceLimits } from "./heap-guard.ts";
import { unstarted, unstartedBody } from "./unstarted-body.ts";

const MiB = 2 ** 20;
const ENTRY = fileURLToPath(new URL("./process.js", import.meta.url));
const LARGEST_MESSAGE = 16 * MiB;
const GONE = "its process has ended";
const LOOK_MS = 100;
/** A pipe that does not close by itself is closed after this. */
const LAST_WORDS_MS = 1000;
/** What a process of Node needs for itself. */
const OWN_BYTES = 128 * MiB;
/** The system's limit lies above ours, which says why: V8 sets so much aside for code, used or not. */
const SET_ASIDE_BYTES = 640 * MiB;

/**
 * Starts a program so that the system ends it with its parent and refuses it memory past a limit: `sh` is on every Unix, setpriv of
 * util-linux on most Linux.
 */
const LAUNCH = `ulimit -d "$1" 2>/dev/null
shift
if setpriv --help 2>/dev/null | grep -q -e --pdeathsig; then exec setpriv --no-new-privs --pdeathsig KILL "$@"; fi
exec "$@"`;

/** A process of its own, for code that no thread confines: bytes instead of shared memory, and limits that the system holds. */
export const processBody: MakeBody = (name, { confinement, files }, heap, events): Body => {
  const most = heap.heap + heap.external + OWN_BYTES;
  const { maxOldGenerationSizeMb } = resourceLimits(heap);
  const node = [process.execPath, ...confinement.flags, `--max-old-space-size=${maxOldGenerationSizeMb}`];
  const program = [
    ...node,
    "--disable-warning=SecurityWarning",
    `--title=sluice ${name}`,
    ENTRY,
    confinement.compileCache,
  ];
  const child = spawn("/bin/sh", ["-c", LAUNCH, "sh", String(Math.ceil((most + SET_ASIDE_BYTES) / 1024)), ...program], {
    env: confinement.env,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const startError = Promise.withResolvers<Error>();
  child.on("error", startError.resolve);
  // What Node does when there are no descriptors left, against its types.
  if ((child.stdio as unknown) === undefined) return unstartedBody("process", startError.promise, events);
  const socket = child.stdio[3] as Socket;
  /** Who waits for word of a CPU profile, in order. */
  const samples: ((sampled: Sampled) => void)[] = [];
  const sample = async (on: boolean): Promise<string> => {
    if (socket.destroyed) throw new Error(GONE);
    const { profile, error } = await new Promise<Sampled>((resolve) => {
      samples.push(resolve);
      writeFrame(socket, { t: "sample", on });
    });
    if (error !== null) throw new Error(error);
    return profile;
  };
  let usage: Usage = { cpuSeconds: 0, eventLoopUse: 0 };
  const reader = frameReader(LARGEST_MESSAGE, {
    memory: () => undefined,
    message(message) {
      if (isSampled(message)) return void samples.shift()?.(message);
      if (!isVitals(message)) return events.message(message);
      usage = { cpuSeconds: message.cpuSeconds, eventLoopUse: message.eventLoopUse };
      events.sample({ heap: message.heap, external: message.external });
    },
    fault: (why) => events.failed({ kind: "crash", reason: `it sent ${why}` }),
  });
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      if (/^FATAL ERROR: .*heap out of memory/m.test(text))
        events.failed({ kind: "memory", reason: "it ran out of heap" });
      else events.output(text);
    });
  }
  socket.on("data", (chunk: Buffer) => reader.feed(chunk));
  // A process that is gone reads nothing; its exit is told below.
  socket.on("error", () => {});
  const gone = Promise.withResolvers<number | null>();
  const silent = Promise.withResolvers<void>();
  const stopGuard = guardMemory(child.pid, most, (reason) => events.failed({ kind: "memory", reason }));
  void startError.promise.then((error) => {
    events.failed(unstarted("process", error));
    gone.resolve(null);
    silent.resolve();
  });
  child.on("exit", (code, signal) => {
    stopGuard();
    if (signal !== null) events.failed({ kind: "crash", reason: `its process was ended by ${signal}` });
    gone.resolve(code);
    // What it started may still hold the pipe.
    setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
  });
  socket.on("close", silent.resolve);
  socket.on("close", () => {
    for (const answer of samples.splice(0)) answer({ t: "sampled", profile: "", error: GONE });
  });
  void silent.promise.then(() => gone.promise).then(events.exited);
  writeFrame(socket, { t: "begin", files });
  return {
    post(message) {
      if (!socket.destroyed) writeFrame(socket, message);
    },
    send(piece) {
      if (!socket.destroyed) sendPiece(socket, piece);
    },
    forget() {},
    kill: () => void child.kill("SIGKILL"),
    usage: async () => usage,
    async startCpuProfile() {
      await sample(true);
      return () => sample(false);
    },
  };
};

/** What the process tells of itself each second. */
export interface Vitals extends Usage, HeapSample {
  t: "vitals";
}

/** Its answer to each `{ t: "sample" }`: of the last one, a `.cpuprofile`. */
export interface Sampled {
  t: "sampled";
  profile: string;
  /** Why there is none. */
  error: string | null;
}

function isSampled(message: unknown): message is Sampled {
  if (typeof message !== "object" || message === null) return false;
  const { t, profile, error } = message as Sampled;
  return t === "sampled" && typeof profile === "string" && (error === null || typeof error === "string");
}

function isVitals(message: unknown): message is Vitals {
  return typeof message === "object" && message !== null && (message as Vitals).t === "vitals";
}

/** The piece alone, not the slab that it lies in: first the offsets, counted from their own start, then the records. */
function sendPiece(socket: Socket, { part: lent, ...piece }: SentPiece): void {
  const { slab, at, count } = lent;
  const offsets = new Uint32Array(slab, at, count * 2).slice();
  const start = offsets[0] ?? 0;
  const end = offsets.at(-1) ?? 0;
  const shift = offsets.byteLength - start;
  for (let i = 0; i < offsets.length; i++) offsets[i]! += shift;
  const part = { ...lent, slab: null, at: 0, slots: null };
  writeFrame(socket, { t: "batch", ...piece, part, keep: null }, [
    new Uint8Array(offsets.buffer),
    new Uint8Array(slab, start, end - start),
  ]);
}

/** Ends a process that holds more memory than it may, where the system tells how much that is. */
function guardMemory(pid: number | undefined, most: number, exceeded: (reason: string) => void): () => void {
  const timer = setInterval(async () => {
    try {
      const status = await readFile(`/proc/${pid}/status`, "latin1");
      const bytes = Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
      if (bytes > most) exceeded(`its memory reached ${megabytes(bytes)} of ${megabytes(most)} allowed`);
    } catch {
      clearInterval(timer);
    }
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
