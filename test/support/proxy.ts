import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy that breaks connections where a test says. */
export interface TestProxy {
  readonly port: number;
  /**
   * The reply to the next command that contains `text` is thrown away, and its connection cut: the server did it, nobody
   * knows. Null: no more.
   */
  loseReplyTo(text: string | null): void;
  /** How often a reply was lost. */
  readonly lost: number;
  /** Bytes pass no longer, connections stay. */
  stall(on: boolean): void;
  /** Cuts all connections; new ones are taken. */
  cut(): void;
  /** Replies pass in pieces of so many bytes; 0: as they come. */
  dribble(bytes: number): void;
  /** The next connection with a reply has it cut off after so many bytes, and is cut itself. */
  cutAfter(bytes: number): void;
  /** Replies come so much later, ms. */
  delay(ms: number): void;
  stop(): Promise<void>;
}

export async function startProxy(target: { host: string; port: number }): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  let trigger: string | null = null;
  let lost = 0;
  let stalled = false;
  let piece = 0;
  let cutAt: number | null = null;
  let delay = 0;

  const server = createServer((down) => {
    const up = connect(target.port, target.host);
    let swallow = false;
    for (const [socket, peer] of [
      [down, up],
      [up, down],
    ] as const) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        peer.destroy();
      });
    }
    down.on("data", (bytes) => {
      if (stalled) return;
      if (trigger !== null && bytes.includes(trigger)) {
        trigger = null;
        swallow = true;
      }
      up.write(bytes);
    });
    up.on("data", (bytes) => {
      if (stalled) return;
      if (swallow) {
        lost++;
        down.destroy();
        up.destroy();
        return;
      }
      if (cutAt !== null) {
        lost++;
        down.end(bytes.subarray(0, cutAt));
        up.destroy();
        cutAt = null;
        return;
      }
      if (delay > 0) setTimeout(pass, delay, bytes);
      else pass(bytes);
    });
    const pass = (bytes: Buffer) => {
      if (down.destroyed) return;
      if (piece === 0) {
        down.write(bytes);
        return;
      }
      for (let i = 0; i < bytes.length; i += piece) down.write(bytes.subarray(i, i + piece));
    };
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    loseReplyTo(text) {
      trigger = text;
    },
    get lost() {
      return lost;
    },
    stall(on) {
      stalled = on;
    },
    cut,
    dribble(bytes) {
      piece = bytes;
    },
    cutAfter(bytes) {
      cutAt = bytes;
    },
    delay(ms) {
      delay = ms;
    },
    async stop() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
