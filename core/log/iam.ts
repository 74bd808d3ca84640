import type { IamConfig } from "../config/config.ts";
import { type AccessToken, type Credentials, tokenCredentials } from "./credentials.ts";

const FETCH_MS = 30_000;
/** The user of Google's tokens is always this one. */
const GOOGLE_USER = "default";

/** Tokens of a cloud provider, by the credentials that its own libraries would find in this process. */
export function iamCredentials(iam: IamConfig, username: string): Credentials {
  if (iam.provider === "gcp") {
    const options = { serviceAccount: iam.serviceAccount, env: process.env, timeoutMs: FETCH_MS };
    return tokenCredentials(GOOGLE_USER, iam.refreshBeforeMs, async () => {
      const { fetchGoogleToken } = await import("./google-token.ts");
      return fetchGoogleToken(options);
    });
  }
  let fetchToken: (() => Promise<AccessToken>) | null = null;
  return tokenCredentials(username, iam.refreshBeforeMs, async () => {
    const { awsTokens } = await import("./aws-token.ts");
    fetchToken ??= awsTokens({ ...iam, username }, process.env, FETCH_MS);
    return fetchToken();
  });
}
