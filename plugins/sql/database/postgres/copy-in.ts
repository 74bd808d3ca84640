import type { Connection, Submittable } from "pg";

/** Of pg's connection: its types leave out what is below the query. */
interface Wire {
  readonly stream: { write(bytes: Uint8Array): boolean };
  query(text: string): void;
  sendCopyFail(reason: string): void;
}

const COPY_DATA = 0x64;
const COPY_DONE = Uint8Array.from([0x63, 0, 0, 0, 4]);

/**
 * `COPY … FROM STDIN` on pg's connection, data and end sent behind the statement at once: a server that refuses the statement leaves the
 * data unread, so one round trip is enough. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
 */
export class CopyIn implements Submittable {
  readonly #sql: string;
  readonly #pieces: Iterable<Uint8Array>;
  readonly #settle: (error: unknown) => void;
  #failed = false;
  /** What making a piece has thrown. */
  #cause: unknown;

  private constructor(sql: string, pieces: Iterable<Uint8Array>, settle: (error: unknown) => void) {
    this.#sql = sql;
    this.#pieces = pieces;
    this.#settle = settle;
  }

  /** Resolves when the server has taken all rows. Each piece is sent as soon as it is made, and read until the end. */
  static run(client: { query(copy: CopyIn): unknown }, sql: string, pieces: Iterable<Uint8Array>): Promise<void> {
    return new Promise((resolve, reject) => {
      client.query(new CopyIn(sql, pieces, (error) => (error === null ? resolve() : reject(error))));
    });
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    const { stream } = wire;
    wire.query(this.#sql);
    try {
      for (const piece of this.#pieces) {
        const head = Buffer.allocUnsafe(5);
        head[0] = COPY_DATA;
        head.writeInt32BE(piece.length + 4, 1);
        stream.write(head);
        stream.write(piece);
      }
    } catch (error) {
      this.#cause = error;
      wire.sendCopyFail("the rows cannot be made");
      return;
    }
    stream.write(COPY_DONE);
  }

  handleCopyInResponse(): void {}

  handleCommandComplete(): void {}

  /** After the server's error its ReadyForQuery still comes, but pg does not tell us of it. */
  handleError(error: Error): void {
    this.#failed = true;
    this.#settle(this.#cause ?? error);
  }

  handleReadyForQuery(): void {
    if (!this.#failed) this.#settle(null);
  }
}
