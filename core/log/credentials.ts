export interface Credential {
  /** Empty: the default user. */
  username: string;
  /** Empty: none is needed. */
  password: string;
}

/** What a connection signs in with: fixed, or a token that expires. */
export interface Credentials {
  /** For a connection that begins now. Throws LogError. */
  get(): Promise<Credential>;
  /** `changed` hears of each new credential: open connections sign in again. Gives what ends that. */
  watch(changed: (credential: Credential) => void): () => void;
  close(): void;
}

export function fixedCredentials(credential: Credential): Credentials {
  return { get: async () => credential, watch: () => () => undefined, close: () => undefined };
}
