import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** 192 bits, in letters that need no escape in a URL. */
export function newToken(): string {
  return randomBytes(24).toString("base64url");
}

/** Compares in constant time. */
export function tokenMatcher(token: string): (given: string) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const wanted = digest(token);
  return (given) => timingSafeEqual(digest(given), wanted);
}
