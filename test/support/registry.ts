import { createHash } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A package of the registry: its manifest and its archive. */
export interface Published {
  manifest: { name: string; version: string; [key: string]: unknown };
  archive: Buffer;
}

/** A registry of npm packages on this machine: as much of the protocol as npm needs to install from it. */
export class TestRegistry {
  readonly #published: Published[] = [];
  readonly #server: Server;
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** Answers in its place; true: it has answered. */
  intercept: (path: string, response: ServerResponse) => boolean = () => false;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url!, this.url).pathname.slice(1));
      this.asked.push(path);
      if (!this.intercept(path, response)) this.#answer(path, response);
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  publish(published: Published): void {
    this.#published.push(published);
  }

  #answer(path: string, response: ServerResponse): void {
    const archive = this.#published.find((one) => path === archivePath(one));
    if (archive) {
      response.end(archive.archive);
      return;
    }
    const versions = this.#published.filter(({ manifest }) => manifest.name === path);
    if (versions.length === 0) {
      response.writeHead(404, { "content-type": "application/json" }).end('{"error":"not found"}');
      return;
    }
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({
        name: path,
        "dist-tags": { latest: versions.at(-1)!.manifest.version },
        versions: Object.fromEntries(versions.map((one) => [one.manifest.version, this.#version(one)])),
      }),
    );
  }

  #version(one: Published): object {
    const integrity = `sha512-${createHash("sha512").update(one.archive).digest("base64")}`;
    return { ...one.manifest, dist: { tarball: `${this.url}${archivePath(one)}`, integrity } };
  }
}

function archivePath({ manifest: { name, version } }: Published): string {
  return `-/${name}/${version}.tgz`;
}
