import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { AwsV4Signer } from "aws4fetch";
import type { AwsIamConfig } from "../config/config.ts";
import type { AccessToken } from "./credentials.ts";

/** What a token is for. */
export interface AwsTokenRequest extends Pick<AwsIamConfig, "service" | "cacheName" | "serverless" | "region"> {
  username: string;
}

interface Identity {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** The most that AWS allows, seconds. */
const LIFE_S = 900;
/** The chain would write to the console. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Tokens of AWS, signed with the credentials that its libraries find: variables, profiles, web identity, the container's
 * endpoint, the instance's metadata. What is given throws Error, with no secret in its text.
 */
export function awsTokens(
  request: AwsTokenRequest,
  env: { readonly [name: string]: string | undefined },
  timeoutMs: number,
): () => Promise<AccessToken> {
  const region = request.region || env.AWS_REGION || env.AWS_DEFAULT_REGION || "";
  const identify = defaultProvider({ logger: SILENT });
  return async () => {
    if (region === "") throw new Error("there is no region: set iam_auth.region or AWS_REGION");
    const { expiration, ...identity } = await within(timeoutMs, identify());
    const now = Date.now();
    const expiresAt = Math.min(now + LIFE_S * 1000, expiration?.getTime() ?? Number.POSITIVE_INFINITY);
    return { token: await signToken({ ...request, region }, identity, new Date(now)), expiresAt };
  };
}

/**
 * A URL that asks to connect, signed for a while and without its scheme
 * (https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html,
 * https://docs.aws.amazon.com/memorydb/latest/devguide/auth-iam.html).
 */
export async function signToken(request: AwsTokenRequest, identity: Identity, now: Date): Promise<string> {
  const { service, cacheName, serverless, region, username } = request;
  const url = new URL(`https://${cacheName}/`);
  url.searchParams.set("Action", "connect");
  url.searchParams.set("User", username);
  if (serverless) url.searchParams.set("ResourceType", "ServerlessCache");
  url.searchParams.set("X-Amz-Expires", String(LIFE_S));
  const datetime = now.toISOString().replace(/[:-]|\.\d{3}/g, "");
  const signer = new AwsV4Signer({ url: url.href, service, region, datetime, signQuery: true, ...identity });
  const { href } = (await signer.sign()).url;
  // Signed as %20; a plus is one only where forms are meant.
  return href.slice("https://".length).replaceAll("+", "%20");
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, ms, new Error(`AWS gave no credentials within ${ms} ms`));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
