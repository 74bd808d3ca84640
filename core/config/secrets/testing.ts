import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Receiver {
  address: string;
  /** `GET /v1/…`, as they came. */
  requests: string[];
  close(): Promise<void>;
}

/** An HTTP server on a free port that gives what `answer` says. */
export async function receiver(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Receiver> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Vault's kv engine, second version at `secret/`, first at `old/`, as its API says; the token is `root`. */
export function vault(secrets: { [path: string]: object }, token = "root"): Promise<Receiver> {
  return receiver((request, response) => {
    const say = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.method !== "GET") return say(405, { errors: ["unsupported operation"] });
    if (request.headers["x-vault-token"] !== token) return say(403, { errors: ["permission denied"] });
    const path = decodeURIComponent(request.url!.slice(1));
    if (path === "v1/auth/token/lookup-self") return say(200, { data: { id: "t" } });
    const second = /^v1\/secret\/data\/(.+)$/.exec(path)?.[1];
    const first = /^v1\/old\/(.+)$/.exec(path)?.[1];
    const found = secrets[second ?? first ?? ""];
    if (!found) return say(404, { errors: [] });
    return say(200, { data: second === undefined ? found : { data: found, metadata: { version: 1 } } });
  });
}

/** Consul's key/value API; the token is `acl`. */
export function consul(values: { [key: string]: string }): Promise<Receiver> {
  return receiver((request, response) => {
    const url = new URL(request.url!, "http://x");
    if (request.headers["x-consul-token"] !== "acl") return response.writeHead(403).end("Permission denied");
    if (url.pathname === "/v1/status/leader") return response.end('"127.0.0.1:8300"');
    const value = values[decodeURIComponent(url.pathname.replace("/v1/kv/", ""))];
    if (!url.searchParams.has("raw") || value === undefined) return response.writeHead(404).end();
    return response.end(value);
  });
}
