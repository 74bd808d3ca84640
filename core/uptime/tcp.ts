import net from "node:net";
import tls from "node:tls";
import type { TcpCheck } from "../config/config.ts";
import { CheckFailed } from "./result.ts";

/** A connection that is on nobody's behalf: https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, 2.1. */
const PROXY_HEADER = "PROXY UNKNOWN\r\n";

/**
 * One TCP or TLS check: connects, and then sends and expects what its commands say, in order, up to the first that fails. Throws
 * CheckFailed, or what the socket failed of.
 */
export async function probeTcp(check: TcpCheck, signal: AbortSignal): Promise<void> {
  const socket = await connect(check, signal);
  try {
    if (check.proxyProtocol) await send(socket, Buffer.from(PROXY_HEADER));
    if (check.commands.length === 0) return;
    const reader = new Reader(socket);
    for (const { name, message } of check.commands) {
      const bytes = Buffer.from(message);
      if (name === "send") await send(socket, bytes);
      else await expect(reader, bytes);
    }
  } finally {
    socket.destroy();
  }
}

function connect({ host, port, secure, insecure }: TcpCheck, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    // A TLS socket has no signal of its own.
    const socket = secure
      ? tls.connect(
          { host, port, rejectUnauthorized: !insecure, ...(net.isIP(host) === 0 && { servername: host }) },
          () => resolve(socket),
        )
      : net.connect({ host, port }, () => resolve(socket));
    socket.on("error", reject);
    const abort = () => socket.destroy(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    socket.on("close", () => {
      signal.removeEventListener("abort", abort);
      reject(new CheckFailed("connect", "the connection was closed"));
    });
  });
}

function send(socket: net.Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function expect(reader: Reader, wanted: Buffer): Promise<void> {
  const got = await reader.read(wanted.length);
  if (!got.equals(wanted)) throw new CheckFailed("expect", "the answer is not the one expected");
}

/** Reads so many bytes, however many segments they come in. */
class Reader {
  #kept = Buffer.alloc(0);
  #ended = false;
  #error: Error | null = null;
  #wake = () => {};
  readonly #socket: net.Socket;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    const over = (error: Error | null) => {
      this.#ended = true;
      this.#error ??= error;
      this.#wake();
    };
    socket.on("data", (data: Buffer) => {
      this.#kept = Buffer.concat([this.#kept, data]);
      // What nobody has asked for yet must not fill the memory.
      socket.pause();
      this.#wake();
    });
    socket.on("end", () => over(null));
    socket.on("error", over);
    socket.on("close", () => over(null));
  }

  /** Fewer where the stream ends. */
  async read(bytes: number): Promise<Buffer> {
    while (this.#kept.length < bytes && !this.#ended) {
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#error) throw this.#error;
    const got = this.#kept.subarray(0, bytes);
    this.#kept = this.#kept.subarray(bytes);
    return got;
  }
}
