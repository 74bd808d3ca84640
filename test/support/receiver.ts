import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";

/**
 * Answers requests until the test is over; gives its host:port. `handle` checks each of them: what it throws is the test's
 * failure. It gives a status, a text, or what becomes JSON.
 */
export async function useReceiver(handle: (request: IncomingMessage, body: string) => unknown): Promise<string> {
  const faults: unknown[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    try {
      const answer = await handle(request, body);
      if (typeof answer === "number") response.writeHead(answer).end();
      else if (typeof answer === "string") response.writeHead(200, { "content-type": "text/plain" }).end(answer);
      else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
    } catch (error) {
      faults.push(error);
      response.writeHead(400).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    expect(faults).toEqual([]);
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sets variables of this process until the test is over; undefined: unset. */
export function useVariables(variables: { readonly [name: string]: string | undefined }): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (entries: readonly (readonly [string, string | undefined])[]) => {
    for (const [name, value] of entries) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(Object.entries(variables));
  onTestFinished(() => set(before));
}
