import type { CloseReason } from "@sluice/sdk";
import type {
  Checked,
  FromThread,
  Hello,
  Limits,
  Measured,
  Previewed,
  Ready,
  Rejected,
  WireError,
} from "@sluice/sdk/runtime";
import { type Body, type Home, isFromThread, type MakeBody, type SentPiece } from "./body.ts";
import { ENDED_BY_RUNTIME } from "./exit-codes.ts";
import type { HeapLimits, HeapSample } from "./heap-guard.ts";
import { createBody } from "./home.ts";
import { outputLimit } from "./output-limit.ts";

export type ActorState = "starting" | "opening" | "open" | "draining" | "closing" | "ended";

/** Why a thread ended. Only a crash makes the records in its hands suspect. */
export interface Exit {
  kind: "closed" | "crash" | "memory" | "silent" | "deadline" | "failed" | "killed";
  reason: string;
}

export interface ActorEvents {
  ready(ready: Ready): Limits;
  opened(kind: "writer" | "gatherer"): void;
  message(message: Extract<FromThread, { t: "release" | "settled" | "returned" | "waiting" | "report" }>): void;
  /** A gather is not flushed before `stored` is called. */
  rejecting?(rejected: readonly Rejected[], stored: () => void): void;
  /** Of a dry run. */
  checked?(answer: Checked): void;
  /** Of one that was asked for a preview. */
  previewed?(answer: Previewed): void;
  /** The configuration is at fault. The thread is closed next, by the listener. */
  fatal(during: string, error: WireError): void;
  /** Comes exactly once; every batch in its hands is open again. */
  exit(exit: Exit): void;
}

/** For loading the plugin: a machine that starts many things at once is slow. */
const START_MS = 30_000;
const WATCH_MS = 1000;
/** What it said before it ended counts, however late it is heard: what was written is not to be written again. */
const LAST_WORDS: ReadonlySet<FromThread["t"]> = new Set(["release", "settled", "returned"]);

/** One life of an actor's thread or process, from start to exit. */
export class Actor {
  state: ActorState = "starting";
  heap: HeapSample = { heap: 0, external: 0 };
  /** Seconds of CPU, as last sampled. */
  cpuSeconds = 0;
  /** 0 to 1 over the last watch. */
  eventLoopUse = 0;
  readonly #body: Body;
  readonly #events: ActorEvents;
  readonly #watch: NodeJS.Timeout;
  #startTimer: NodeJS.Timeout | null;
  #exit: Exit | null = null;
  /** What it says means nothing any more. */
  #garbled = false;
  limits: Limits | null = null;
  #kind: "writer" | "gatherer" = "writer";
  /** Looks since it said something: counted, for a process that was stopped must not take its actors for stuck. */
  #looks = 0;
  /** Messages that gave something back. */
  #returns = 0;
  #waiters: { for: "drained" | "closed"; resolve: () => void }[] = [];
  /** Who wants it measured, and who waits for an answer: each question has one, in order. */
  #measuring = 0;
  #questions: ((measured: Measured | null) => void)[] = [];

  constructor(
    hello: Hello,
    heap: HeapLimits,
    events: ActorEvents,
    output: (line: string) => void,
    home: Home,
    makeBody: MakeBody = createBody,
  ) {
    this.#events = events;
    this.#body = makeBody(`${hello.sink}#${hello.actor}`, home, heap, {
      message: (message) => this.#hear(message),
      output: outputLimit(output),
      sample: (sample) => {
        this.heap = sample;
      },
      failed: (exit) => this.kill(exit),
      exited: (code) => this.#exited(code),
    });
    this.#startTimer = setTimeout(() => {
      this.kill({ kind: "failed", reason: `its plugin was not loaded within ${START_MS} ms` });
    }, START_MS);
    this.#watch = setInterval(() => this.#look(), WATCH_MS);
    this.#post(hello);
  }

  send(seq: number, part: SentPiece["part"], alone: boolean): void {
    this.#body.send({ seq, part, alone, heard: this.#returns });
  }

  forget(slab: SharedArrayBuffer): void {
    if (this.state !== "ended") this.#body.forget(slab);
  }

  revoke(seqs: number[]): void {
    if (this.#works) this.#post({ t: "revoke", seqs });
  }

  /** Lets calls in flight finish; resolves then, or at the deadline (ms of the monotonic clock), or when the thread ends. */
  async drain(reason: CloseReason, deadline: number): Promise<void> {
    if (this.state !== "open") return;
    this.state = "draining";
    this.#post({ t: "drain", reason, deadline: wallTime(deadline) });
    await this.#reached("drained", deadline);
  }

  /**
   * Has its runtime measure until each who asked for it has asked to stop. Gives what was measured so far; null: it
   * ended, or it does not answer.
   */
  measure(on: boolean): Promise<Measured | null> {
    if (this.state === "ended") return Promise.resolve(null);
    this.#measuring += on ? 1 : -1;
    return new Promise((resolve) => {
      this.#questions.push(resolve);
      this.#post({ t: "measure", on: this.#measuring > 0 });
    });
  }

  /** As the body's. */
  startCpuProfile(): Promise<() => Promise<string>> {
    return this.#body.startCpuProfile();
  }

  /** Closes the plugin and ends the thread, at the deadline (as of `drain`) by force. */
  async close(reason: CloseReason, deadline: number): Promise<void> {
    if (this.#exit || this.state === "ended") return;
    if (this.state !== "starting") {
      this.state = "closing";
      this.#post({ t: "close", reason, deadline: wallTime(deadline) });
      await this.#reached("closed", deadline);
    }
    this.kill({ kind: "closed", reason });
  }

  /** Ends the thread. Not awaited: native code may hold it for a while, and its memory is ours again only after `exit`. */
  kill(exit: Exit): void {
    this.#exit ??= exit;
    // Nothing more is for a thread that may be held by native code for long.
    if (this.state !== "ended") this.state = "closing";
    this.#body.kill();
  }

  get #works(): boolean {
    return this.state === "open" || this.state === "draining";
  }

  #post(message: Parameters<Body["post"]>[0]): void {
    this.#body.post(message);
  }

  #hear(message: unknown): void {
    this.#looks = 0;
    if (this.#garbled) return;
    if (!isFromThread(message)) {
      this.#garbled = true;
      this.kill({ kind: "crash", reason: "it said what the protocol does not know" });
    } else if (!this.#exit || LAST_WORDS.has(message.t)) {
      this.#receive(message);
    }
  }

  #receive(message: FromThread): void {
    switch (message.t) {
      case "ready":
        if (this.#startTimer) clearTimeout(this.#startTimer);
        this.#startTimer = null;
        this.state = "opening";
        this.limits = this.#events.ready(message);
        this.#post({ t: "open", limits: this.limits, deadline: Date.now() + this.limits.ms.open });
        break;
      case "unsupported":
        this.kill({ kind: "failed", reason: unsupported(message.api, message.missing) });
        break;
      case "opened":
        if (this.state !== "opening") break;
        this.state = "open";
        this.#kind = message.kind;
        this.#events.opened(message.kind);
        break;
      case "fatal":
        if (this.#startTimer) clearTimeout(this.#startTimer);
        this.#events.fatal(message.during, message.error);
        // What it has given up will not be drained.
        this.#tell("drained");
        break;
      case "rejecting": {
        const { id, rejected } = message;
        this.#events.rejecting?.(rejected, () => {
          if (this.#works) this.#post({ t: "stored", id });
        });
        break;
      }
      case "checked":
        this.#events.checked?.(message);
        break;
      case "previewed":
        this.#events.previewed?.(message);
        break;
      case "measured":
        this.#questions.shift()?.(message);
        break;
      case "drained":
      case "closed":
        this.#tell(message.t);
        break;
      default:
        if (message.t === "returned") this.#returns++;
        this.#events.message(message);
    }
  }

  #tell(what: "drained" | "closed"): void {
    for (const waiter of this.#waiters) if (waiter.for === what) waiter.resolve();
  }

  #reached(what: "drained" | "closed", deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiters.push({ for: what, resolve: done });
    });
  }

  /** A thread that says nothing is stuck in a loop: not even its report of each second comes. */
  #look(): void {
    this.#body.usage().then(
      ({ cpuSeconds, eventLoopUse }) => {
        this.cpuSeconds = cpuSeconds;
        this.eventLoopUse = eventLoopUse;
      },
      () => {},
    );
    if (!this.limits || this.#exit) return;
    const { write, add, flush, open, grace } = this.limits.ms;
    const calls = this.#kind === "gatherer" ? Math.max(add, flush) : write;
    const longest = (this.state === "opening" ? open : calls) + grace;
    const silent = ++this.#looks * WATCH_MS;
    if (silent > longest) {
      this.kill({ kind: "silent", reason: `it has said nothing for ${silent / 1000} s: stuck in a loop` });
    }
  }

  #exited(code: number | null): void {
    this.state = "ended";
    clearInterval(this.#watch);
    if (this.#startTimer) clearTimeout(this.#startTimer);
    for (const waiter of this.#waiters) waiter.resolve();
    for (const answer of this.#questions.splice(0)) answer(null);
    if (code === ENDED_BY_RUNTIME) this.#exit ??= { kind: "deadline", reason: "a call ignored its deadline" };
    this.#events.exit(this.#exit ?? { kind: "crash", reason: `it exited with code ${code}` });
  }
}

/** An instant of the monotonic clock, which each thread has for itself, as ms since 1970. */
function wallTime(instant: number): number {
  return Date.now() + instant - performance.now();
}

function unsupported(api: number, missing: string[]): string {
  if (missing.length > 0) return `it needs what this host does not have: ${missing.join(", ")}; update Sluice`;
  return `it speaks version ${api} of the plugin protocol, which this host does not; update the plugin or Sluice`;
}
