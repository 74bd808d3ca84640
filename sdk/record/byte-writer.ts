import { type Run, writeRun } from "./run.ts";

/** Bytes that grow as they are written; one for many records, of which each is copied out. */
export class ByteWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  at = 0;
  private view = new DataView(this.bytes.buffer);

  ensure(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(2 * (this.at + size));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.ensure(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  run(run: Run): void {
    this.ensure(run.size + 3);
    this.at = writeRun(this.view, this.at, run);
  }

  /** UTF-8, without a header; returns its size. */
  text(text: string): number {
    const { length } = text;
    this.ensure(3 * length);
    const { bytes, at } = this;
    if (length <= 64) {
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        bytes[at + i] = code;
      }
      if (i === length) {
        this.at = at + length;
        return length;
      }
    }
    const size = bytes.write(text, at);
    this.at = at + size;
    return size;
  }

  uint16(value: number): void {
    this.bytes[this.at++] = value >>> 8;
    this.bytes[this.at++] = value;
  }

  uint32(value: number): void {
    this.uint16(value >>> 16);
    this.uint16(value);
  }

  /** Moves what was written from `start` on, to make room for a longer header. */
  shift(start: number, by: number): void {
    this.ensure(by);
    this.bytes.copyWithin(start + by, start, this.at);
    this.at += by;
  }

  /** A copy of all that was written; what comes next begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const copy = Buffer.allocUnsafeSlow(this.at);
    this.bytes.copy(copy, 0, 0, this.at);
    this.at = 0;
    return copy;
  }
}
