import type { Socket } from "node:net";

/**
 * Messages over a pipe: two 32-bit little-endian lengths, then so many bytes of JSON, then so many raw bytes. What is raw is read where it
 * is to stay.
 */
const HEAD = 8;

export interface FrameReader {
  /** Takes what was read elsewhere. */
  feed(chunk: Uint8Array): void;
  /** To be given to a socket as its `onread`. */
  readonly onread: { buffer: () => Uint8Array; callback: (bytes: number) => boolean };
}

export interface FrameEvents {
  /** Memory for so many raw bytes; undefined: that is more than is taken. */
  memory(bytes: number): Uint8Array | undefined;
  message(message: unknown, bytes: Uint8Array | null): void;
  /** What comes is no frame, or too large a one. Nothing more is read. */
  fault(why: string): void;
}

export function frameReader(largestJson: number, events: FrameEvents): FrameReader {
  const head = Buffer.alloc(HEAD);
  let json: Buffer | null = null;
  let raw: Uint8Array | null = null;
  /** What is being read now, and how much of it is there. */
  let target: Uint8Array = head;
  let filled = 0;

  function begin(): boolean {
    const jsonBytes = head.readUInt32LE(0);
    const rawBytes = head.readUInt32LE(4);
    const memory = rawBytes === 0 ? null : events.memory(rawBytes);
    if (jsonBytes === 0 || jsonBytes > largestJson || memory === undefined) {
      events.fault(`a message of ${jsonBytes + rawBytes} bytes`);
      return false;
    }
    json = Buffer.allocUnsafe(jsonBytes);
    raw = memory;
    target = json;
    return true;
  }

  function finish(): boolean {
    let message: unknown;
    try {
      message = JSON.parse(json!.toString("utf8"));
    } catch {
      events.fault("a message that is not JSON");
      return false;
    }
    const bytes = raw;
    json = raw = null;
    target = head;
    events.message(message, bytes);
    return true;
  }

  function received(bytes: number): boolean {
    filled += bytes;
    if (filled < target.length) return true;
    filled = 0;
    if (target === head) return begin();
    if (target === json && raw) {
      target = raw;
      return true;
    }
    return finish();
  }

  return {
    onread: { buffer: () => target.subarray(filled), callback: received },
    feed(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + target.length - filled);
        target.set(part, filled);
        at += part.length;
        if (!received(part.length)) return;
      }
    },
  };
}

export function writeFrame(socket: Socket, message: object, raw: readonly Uint8Array[] = []): void {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(
    raw.reduce((sum, { length }) => sum + length, 0),
    4,
  );
  socket.cork();
  socket.write(head);
  socket.write(json);
  for (const bytes of raw) if (bytes.length > 0) socket.write(bytes);
  socket.uncork();
}
