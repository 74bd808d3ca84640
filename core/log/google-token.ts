import { createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { AccessToken } from "./credentials.ts";

export interface GoogleOptions {
  /** Account to impersonate; empty: none. */
  serviceAccount: string;
  env: { [name: string]: string | undefined };
  /** Of one request. */
  timeoutMs: number;
  /** Where impersonation is asked for; Google's unless a test says otherwise. */
  iamUrl?: string;
}

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token";
const IAM_URL = "https://iamcredentials.googleapis.com";
const TOKEN_URL = "https://oauth2.googleapis.com/token";
const HOUR = 3600;
const MOST_BYTES = 1 << 20;

/**
 * Fetches a token of Google Cloud anew, found as its libraries find it (application default credentials,
 * https://cloud.google.com/docs/authentication/application-default-credentials): by the file that
 * GOOGLE_APPLICATION_CREDENTIALS names, else gcloud's own, else the metadata server (GCE_METADATA_HOST).
 * Throws Error, with no secret in its text.
 */
export async function fetchGoogleToken(options: GoogleOptions): Promise<AccessToken> {
  const own = await ownToken(options);
  return options.serviceAccount === "" ? own : impersonate(own, options);
}

async function ownToken({ env, timeoutMs }: GoogleOptions): Promise<AccessToken> {
  const credentials = readCredentials(env);
  if (credentials !== null) return fromFile(credentials, timeoutMs);
  const host = env.GCE_METADATA_HOST || "metadata.google.internal";
  const url = `http://${host}${METADATA_PATH}?scopes=${encodeURIComponent(SCOPE)}`;
  return parseToken(await ask(url, { headers: { "Metadata-Flavor": "Google" } }, timeoutMs));
}

interface CredentialsFile {
  type?: string;
  client_email?: string;
  private_key?: string;
  private_key_id?: string;
  token_uri?: string;
  client_id?: string;
  client_secret?: string;
  refresh_token?: string;
}

function readCredentials(env: GoogleOptions["env"]): CredentialsFile | null {
  const named = env.GOOGLE_APPLICATION_CREDENTIALS;
  const folder = env.CLOUDSDK_CONFIG || join(env.HOME || homedir(), ".config", "gcloud");
  const file = named || join(folder, "application_default_credentials.json");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (!named) return null;
    throw new Error(`GOOGLE_APPLICATION_CREDENTIALS names ${file}, which cannot be read: ${errorCode(error)}`);
  }
  try {
    return JSON.parse(text) as CredentialsFile;
  } catch {
    // The parser's own message would quote the secret.
    throw new Error(`${file} is not JSON`);
  }
}

async function fromFile(file: CredentialsFile, timeoutMs: number): Promise<AccessToken> {
  const { type, client_id = "", client_secret = "", refresh_token = "" } = file;
  if (type === "authorized_user") {
    return exchange(TOKEN_URL, { grant_type: "refresh_token", client_id, client_secret, refresh_token }, timeoutMs);
  }
  if (type !== "service_account") {
    throw new Error(`credentials of type ${JSON.stringify(type)} are not known: service_account or authorized_user is`);
  }
  const url = file.token_uri ?? TOKEN_URL;
  const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
  return exchange(url, { grant_type: grant, assertion: assertion(file, url) }, timeoutMs);
}

/** A signed claim to be the account (RFC 7523). */
function assertion({ client_email, private_key = "", private_key_id }: CredentialsFile, aud: string): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = part({ alg: "RS256", typ: "JWT", kid: private_key_id });
  const unsigned = `${header}.${part({ iss: client_email, scope: SCOPE, aud, iat: now, exp: now + HOUR })}`;
  try {
    return `${unsigned}.${createSign("RSA-SHA256").update(unsigned).sign(private_key, "base64url")}`;
  } catch {
    throw new Error("the private key of the service account cannot be used");
  }
}

async function exchange(url: string, form: { [name: string]: string }, timeoutMs: number): Promise<AccessToken> {
  return parseToken(await ask(url, { method: "POST", body: new URLSearchParams(form) }, timeoutMs));
}

async function impersonate({ token }: AccessToken, options: GoogleOptions): Promise<AccessToken> {
  const { serviceAccount, timeoutMs, iamUrl = IAM_URL } = options;
  const account = encodeURIComponent(serviceAccount);
  const request = {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ scope: [SCOPE], lifetime: `${HOUR}s` }),
  };
  const url = `${iamUrl}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`;
  const reply = (await ask(url, request, timeoutMs)) ?? {};
  const { accessToken, expireTime } = reply as { [key: string]: unknown };
  const expiresAt = typeof expireTime === "string" ? Date.parse(expireTime) : Number.NaN;
  if (typeof accessToken !== "string" || accessToken === "" || Number.isNaN(expiresAt))
    throw new Error(`${url} gave no token`);
  return { token: accessToken, expiresAt };
}

function parseToken(reply: unknown): AccessToken {
  const { access_token: token, expires_in: seconds } = (reply ?? {}) as { [key: string]: unknown };
  if (typeof token !== "string" || token === "" || typeof seconds !== "number" || !(seconds > 0)) {
    throw new Error("the answer has no access_token and expires_in");
  }
  return { token, expiresAt: Date.now() + seconds * 1000 };
}

async function ask(url: string, request: RequestInit, timeoutMs: number): Promise<unknown> {
  let response: Response;
  const where = new URL(url).host;
  try {
    response = await fetch(url, { ...request, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new Error(`${where} does not answer (${errorCode(error)})`);
  }
  if (!response.ok) {
    void response.body?.cancel();
    throw new Error(`${where} answered ${response.status}`);
  }
  const text = await textOf(response, where);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${where} answered with something else than JSON`);
  }
}

/** An answer may be anybody's: no more of it is kept than a token needs. */
async function textOf({ body }: Response, where: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body ?? []) {
      size += chunk.length;
      if (size > MOST_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new Error(`${where} does not answer (${errorCode(error)})`);
  }
  if (size > MOST_BYTES) throw new Error(`${where} answered with more than ${MOST_BYTES} bytes`);
  return Buffer.concat(chunks).toString("utf8");
}

function errorCode(error: unknown): string {
  const { code, name, cause } = error as { code?: string; name?: string; cause?: { code?: string } };
  return cause?.code ?? code ?? name ?? "unknown";
}
