import { connect } from "node:net";

const WINDOW = 2 * 1024 * 1024;
const PIECE = 1000;
const IN_FLIGHT = 3;
const LF = 10;
/** Pieces are read of a list's first records, again and again: further in, the server would mostly look for them. */
const NEAR = 100;

/**
 * The least that reading a list can cost: LRANGE in pieces of 1,000, three in flight, replies into one buffer that is
 * written over and over. Looks at lengths only. Resolves once all `count` elements came; throws when there are fewer.
 */
export async function rawLrange(server: { host: string; port: number }, list: string, count: number): Promise<void> {
  const buffer = new Uint8Array(WINDOW);
  const pieces = Math.ceil(count / PIECE);
  let sent = 0;
  let answered = 0;
  let elements = 0;
  const command = (piece: number) => {
    const first = (piece % NEAR) * PIECE;
    const [from, to] = [String(first), String(first + PIECE - 1)];
    return `*4\r\n$6\r\nLRANGE\r\n$${list.length}\r\n${list}\r\n$${from.length}\r\n${from}\r\n$${to.length}\r\n${to}\r\n`;
  };
  await new Promise<void>((resolve, reject) => {
    let skip = 0;
    let left = 0;
    let kind = 0;
    let size = 0;
    const line = () => {
      if (kind === 0x2a) elements += left = size;
      else {
        skip = size + 2;
        left--;
      }
      kind = size = 0;
    };
    const socket = connect({
      ...server,
      noDelay: true,
      onread: {
        buffer,
        callback(n) {
          for (let p = 0; p < n; ) {
            if (skip > 0) {
              const step = Math.min(skip, n - p);
              skip -= step;
              p += step;
            } else {
              const byte = buffer[p++]!;
              if (kind === 0) kind = byte;
              else if (byte >= 0x30) size = size * 10 + byte - 0x30;
              if (byte !== LF) continue;
              line();
            }
            if (skip > 0 || left > 0) continue;
            answered++;
            if (sent < pieces) socket.write(command(sent++));
            if (answered === pieces) socket.end(resolve);
          }
          return true;
        },
      },
    });
    socket.on("error", reject);
    while (sent < Math.min(IN_FLIGHT, pieces)) socket.write(command(sent++));
  });
  if (elements !== count) throw new Error(`LRANGE gave ${elements} of ${count} records`);
}
