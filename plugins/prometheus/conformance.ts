import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { ConformanceFile } from "@sluice/sdk/testing";

const SERIES = /^tyk_http_status_per_path\{.*\bpath="([^"]+)".*\} (\d+)$/;

/** The far end is whoever scrapes: a record is there as often as its path is counted. */
const file: ConformanceFile = {
  async prometheus() {
    const port = await freePort();
    return {
      config: { listen_address: `127.0.0.1:${port}`, track_all_paths: true },
      async readBack() {
        const lines = (await scrape(port)).split("\n").map((line) => SERIES.exec(line));
        return lines.flatMap((line) => (line ? new Array<string>(Number(line[2])).fill(line[1]!) : []));
      },
    };
  },
};

/** Nothing, where nobody serves. */
async function scrape(port: number): Promise<string> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: "close" } })).text();
  } catch {
    return "";
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

export default file;
