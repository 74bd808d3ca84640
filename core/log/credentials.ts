import { LOG_ERROR_CODES, LogError } from "./errors.ts";

export interface Credential {
  /** Empty: the default user. */
  username: string;
  /** Empty: none is needed. */
  password: string;
}

/** What a connection begins with, all at once: who is without a password does not sign in, as in Tyk Pump. */
export function handshakeOf(credential: Credential, database: number): string[][] {
  return [...signInWith(credential), ...(database === 0 ? [] : [["SELECT", String(database)]])];
}

export function signInWith({ username, password }: Credential): string[][] {
  if (password === "") return [];
  return [username === "" ? ["AUTH", password] : ["AUTH", username, password]];
}

/** What a connection signs in with: fixed, or a token that expires. */
export interface Credentials {
  /** For a connection that begins now. Throws LogError. */
  get(): Promise<Credential>;
  /** `changed` hears of each new credential: open connections sign in again. Gives what ends that. */
  watch(changed: (credential: Credential) => void): () => void;
  close(): void;
}

/** Those of the configuration, until `change`. */
export function fixedCredentials({ username, password }: Credential): Credentials & {
  change(credential: Credential): void;
} {
  const watchers = new Set<(credential: Credential) => void>();
  let present = { username, password };
  return {
    get: async () => present,
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    close: () => undefined,
    change(credential) {
      if (credential.username === present.username && credential.password === present.password) return;
      present = { username: credential.username, password: credential.password };
      for (const changed of watchers) changed(present);
    },
  };
}

/** A password for a while. */
export interface AccessToken {
  token: string;
  /** ms since 1970. */
  expiresAt: number;
}

/** A refresh that failed is tried again, and none comes sooner, ms. */
const RETRY_MS = 1000;

/** Tokens, each fetched once for all connections, and anew so long before it expires. */
export function tokenCredentials(
  username: string,
  refreshBeforeMs: number,
  fetchToken: () => Promise<AccessToken>,
): Credentials {
  const watchers = new Set<(credential: Credential) => void>();
  let current: AccessToken | null = null;
  let fetching: Promise<AccessToken> | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const refreshIn = (ms: number) => {
    if (timer !== null) clearTimeout(timer);
    if (!closed) timer = setTimeout(refresh, Math.min(2 ** 31 - 1, Math.max(RETRY_MS, ms)));
  };

  const credentialOf = ({ token }: AccessToken): Credential => ({ username, password: token });

  const renew = (): Promise<AccessToken> => {
    fetching ??= fetchToken()
      .then((token) => {
        const isNew = token.token !== current?.token;
        current = token;
        const left = token.expiresAt - Date.now();
        // A metadata server gives the same token until shortly before its end.
        refreshIn(left > refreshBeforeMs ? left - refreshBeforeMs : left / 2);
        if (isNew) for (const changed of watchers) changed(credentialOf(token));
        return token;
      })
      .finally(() => {
        fetching = null;
      });
    return fetching;
  };

  const refresh = () => {
    renew().catch(() => refreshIn(RETRY_MS));
  };

  return {
    async get() {
      // One that is about to expire is still good while the next is fetched; one that has expired is not.
      if (current !== null && current.expiresAt > Date.now()) return credentialOf(current);
      try {
        return credentialOf(await renew());
      } catch (error) {
        throw new LogError(
          LOG_ERROR_CODES.auth,
          `No access token for Redis: ${(error as Error).message.replace(/\.$/, "")}. Check iam_auth, the account's rights and where its credentials come from.`,
          error,
        );
      }
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}
