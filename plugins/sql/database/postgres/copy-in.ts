import type { Connection, Submittable } from "pg";

/** Of pg's connection: its types leave out what is below the query. */
interface Wire {
  readonly stream: { write(bytes: Uint8Array): boolean; cork(): void; uncork(): void };
  query(text: string): void;
}

const COPY_DATA = 0x64;
const COPY_DONE = Uint8Array.from([0x63, 0, 0, 0, 4]);

/**
 * `COPY … FROM STDIN` on pg's connection, data and end sent behind the statement at once: a server that refuses the statement leaves the
 * data unread, so one round trip is enough. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class CopyIn implements Submittable {
  readonly #sql: string;
  readonly #pieces: readonly Uint8Array[];
  readonly #settle: (error: Error | null) => void;
  #error: Error | null = null;

  private constructor(sql: string, pieces: readonly Uint8Array[], settle: (error: Error | null) => void) {
    this.#sql = sql;
    this.#pieces = pieces;
    this.#settle = settle;
  }

  /** Resolves when the server has taken all rows. `pieces` are read until then. */
  static run(client: { query(copy: CopyIn): unknown }, sql: string, pieces: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      client.query(new CopyIn(sql, pieces, (error) => (error ? reject(error) : resolve())));
    });
  }

  submit(connection: Connection): void {
    const { stream } = connection as unknown as Wire;
    stream.cork();
    (connection as unknown as Wire).query(this.#sql);
    for (const piece of this.#pieces) {
      const head = Buffer.allocUnsafe(5);
      head[0] = COPY_DATA;
      head.writeInt32BE(piece.length + 4, 1);
      stream.write(head);
      stream.write(piece);
    }
    stream.write(COPY_DONE);
    stream.uncork();
  }

  handleCopyInResponse(): void {}

  handleCommandComplete(): void {}

  /** After the server's error its ReadyForQuery still comes, but pg does not tell us of it. */
  handleError(error: Error): void {
    this.#error = error;
    this.#settle(error);
  }

  handleReadyForQuery(): void {
    if (!this.#error) this.#settle(null);
  }
}
