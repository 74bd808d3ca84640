import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Credentials that the gate knows, by access key. */
export interface Session {
  secret: string;
  /** Undefined: long-lived keys, without a session token. */
  token?: string;
  /** ms since 1970. */
  expiresAt: number;
}

export interface IamGate {
  readonly port: number;
  /** How often each connection has signed in. */
  readonly signIns: readonly number[];
  /** Why sign-ins were refused. */
  readonly refusals: readonly string[];
  cut(): void;
  stop(): Promise<void>;
}

/** What a token must be for. */
export interface GateOptions {
  redis: { host: string; port: number };
  cacheName: string;
  region: string;
  service: string;
  user: string;
  /** Of the user in Redis itself. */
  password: string;
  sessions: ReadonlyMap<string, Session>;
  /** Connections that have not signed in for so long are cut. */
  idleMs: number;
}

/**
 * A managed Redis that takes tokens for passwords: verifies each as the service does, and signs in to the Redis behind it with
 * the user's real password, or a wrong one.
 */
export async function startIamGate(options: GateOptions): Promise<IamGate> {
  const sockets = new Set<Socket>();
  const signIns: number[] = [];
  const refusals: string[] = [];
  const server = createServer((down) => {
    const up = connect(options.redis.port, options.redis.host);
    const at = signIns.push(0) - 1;
    const tooLong = setTimeout(() => down.destroy(), options.idleMs);
    for (const [socket, peer] of [
      [down, up],
      [up, down],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true).on("error", () => undefined);
      socket.on("close", () => {
        clearTimeout(tooLong);
        sockets.delete(socket);
        peer.destroy();
      });
    }
    up.pipe(down);
    let rest = Buffer.alloc(0);
    down.on("data", (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      for (let command = next(rest); command !== null; command = next(rest)) {
        const raw = rest.subarray(0, command.end);
        rest = rest.subarray(command.end);
        const [name, user, token] = command.parts;
        if (name?.toUpperCase() !== "AUTH") {
          up.write(raw);
          continue;
        }
        const fault = user === options.user ? faultOf(token ?? "", options) : `user ${user}`;
        if (fault === null) {
          signIns[at]!++;
          tooLong.refresh();
        } else refusals.push(fault);
        up.write(encode(["AUTH", options.user, fault === null ? options.password : "wrong"]));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    signIns,
    refusals,
    cut,
    async stop() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * Why the service would refuse this token; null: it would not. Written from the description of Signature Version 4 for
 * presigned URLs (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
function faultOf(token: string, { cacheName, region, service, user, sessions }: GateOptions): string | null {
  if (!token.startsWith(`${cacheName}/?`)) return "another cache";
  const pairs = token
    .slice(cacheName.length + 2)
    .split("&")
    .map((pair) => pair.split("=") as [string, string]);
  const query = new Map(pairs.map(([key, value]) => [key, decodeURIComponent(value)]));
  if (query.size !== pairs.length) return "a parameter twice";
  const expected = {
    Action: "connect",
    User: user,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-SignedHeaders": "host",
  };
  for (const [key, value] of Object.entries(expected)) if (query.get(key) !== value) return key;
  const date = query.get("X-Amz-Date") ?? "";
  const [, ...digits] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const [year, month, day, hour, minute, second] = digits.map(Number);
  const signedAt = Date.UTC(year!, month! - 1, day, hour, minute, second);
  const life = Number(query.get("X-Amz-Expires"));
  if (!(life > 0 && life <= 900)) return "X-Amz-Expires";
  if (!(signedAt <= Date.now() && Date.now() < signedAt + life * 1000)) return "X-Amz-Date";
  const [key, ...scope] = (query.get("X-Amz-Credential") ?? "").split("/");
  if (scope.join("/") !== `${date.slice(0, 8)}/${region}/${service}/aws4_request`) return "X-Amz-Credential";
  const session = sessions.get(key!);
  if (session === undefined || session.expiresAt <= Date.now()) return "an expired session";
  if (query.get("X-Amz-Security-Token") !== session.token) return "X-Amz-Security-Token";
  const canonical = pairs
    .filter(([name]) => name !== "X-Amz-Signature")
    .map((pair) => pair.join("="))
    .sort()
    .join("&");
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const request = ["GET", "/", canonical, `host:${cacheName}`, "", "host", sha256("")].join("\n");
  const signed = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(request)].join("\n");
  const hmac = (secret: Buffer | string, text: string) => createHmac("sha256", secret).update(text).digest();
  const signature = hmac(scope.reduce<Buffer | string>(hmac, `AWS4${session.secret}`) as Buffer, signed);
  return signature.toString("hex") === query.get("X-Amz-Signature") ? null : "X-Amz-Signature";
}

/** The first command of these bytes, and where it ends; null: it is not all there. */
function next(bytes: Buffer): { parts: string[]; end: number } | null {
  let at = 0;
  const line = () => {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return null;
    const text = bytes.toString("latin1", at + 1, end);
    at = end + 2;
    return Number(text);
  };
  const count = line();
  if (count === null) return null;
  const parts: string[] = [];
  for (let i = 0; i < count; i++) {
    const length = line();
    if (length === null || bytes.length < at + length + 2) return null;
    parts.push(bytes.toString("latin1", at, at + length));
    at += length + 2;
  }
  return { parts, end: at };
}

function encode(parts: readonly string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`;
}
