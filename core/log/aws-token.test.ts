import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsV4Signer } from "aws4fetch";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Session, startIamGate } from "../../test/support/iam-gate.ts";
import { until } from "../../test/support/pump.ts";
import { useReceiver, useVariables } from "../../test/support/receiver.ts";
import { redisLogConfig, startRedis } from "../../test/support/redis.ts";
import type { AwsIamConfig } from "../config/config.ts";
import { awsTokens, signToken } from "./aws-token.ts";
import { claimAll, readAll } from "./conformance.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import { iamCredentials } from "./iam.ts";
import { analyticsLists } from "./keys.ts";
import { openRedisLog } from "./redis.ts";

const HOUR_MS = 3_600_000;
const REQUEST = {
  service: "elasticache",
  cacheName: "my-cache",
  serverless: false,
  region: "eu-west-1",
  username: "pump",
} as const;
const IAM: AwsIamConfig = { provider: "aws", ...REQUEST, refreshBeforeMs: 2000 };
const SINK = { name: "a", fingerprint: "" };

/** No credentials of the machine's may be found, but those that the test names. */
function useCredentials(variables: { [name: string]: string }): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-aws-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const there = Object.keys(process.env).filter((name) => name.startsWith("AWS_"));
  const none = { HOME: folder, AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: join(folder, "none") };
  const files = { AWS_SHARED_CREDENTIALS_FILE: join(folder, "none") };
  useVariables({ ...Object.fromEntries(there.map((name) => [name, undefined])), ...none, ...files, ...variables });
  return folder;
}

/** The second version of the instance's metadata service: a token first, which every other request must show. */
async function useInstance(session: () => { key: string } & Session): Promise<void> {
  const host = await useReceiver(({ method, url, headers }: IncomingMessage) => {
    if (method === "PUT") {
      expect(url).toBe("/latest/api/token");
      expect(Number(headers["x-aws-ec2-metadata-token-ttl-seconds"])).toBeGreaterThan(0);
      return "metadata-token";
    }
    expect([method, headers["x-aws-ec2-metadata-token"]]).toEqual(["GET", "metadata-token"]);
    if (url === "/latest/meta-data/iam/security-credentials/") return "pump-role";
    expect(url).toBe("/latest/meta-data/iam/security-credentials/pump-role");
    const { key, secret, token, expiresAt } = session();
    const times = { LastUpdated: new Date().toISOString(), Expiration: new Date(expiresAt).toISOString() };
    const keys = { AccessKeyId: key, SecretAccessKey: secret, Token: token };
    return { Code: "Success", Type: "AWS-HMAC", ...keys, ...times };
  });
  useCredentials({ AWS_EC2_METADATA_DISABLED: "false", AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://${host}` });
}

async function useGate(sessions: ReadonlyMap<string, Session>, idleMs: number) {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  await redis.client.call("ACL", "SETUSER", "pump", "on", ">s3cret", "~*", "+@all");
  await redis.client.call("ACL", "SETUSER", "default", "nopass");
  const { service, cacheName, region } = REQUEST;
  const gate = await startIamGate({
    redis,
    service,
    cacheName,
    region,
    user: "pump",
    password: "s3cret",
    sessions,
    idleMs,
  });
  onTestFinished(() => gate.stop());
  return { gate, client: redis.client };
}

describe("the token", () => {
  const keys = (accessKeyId: string, secretAccessKey: string) => ({ accessKeyId, secretAccessKey });

  test("is what AWS' own library signs for a serverless cache", async () => {
    const token = await signToken(
      { ...REQUEST, serverless: true, username: "user123" },
      keys("accessKey", "secretKey"),
      new Date("2024-08-02T12:11:50Z"),
    );
    expect(token).toMatch(/^my-cache\/\?Action=connect&User=user123&ResourceType=ServerlessCache&X-Amz-Expires=900&/);
    expect(token).toContain("X-Amz-Signature=5dda5db919b1337db6596b2a608924bc10197fb39289b933b60bdb114d5a70dc");
  });

  test("is signed as AWS' published example of a presigned URL", async () => {
    const signer = new AwsV4Signer({
      url: "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Expires=86400",
      service: "s3",
      region: "us-east-1",
      datetime: "20130524T000000Z",
      signQuery: true,
      ...keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    });
    const { url } = await signer.sign();
    expect(url.searchParams.get("X-Amz-Signature")).toBe(
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    );
  });
});

describe("where the credentials come from", () => {
  const signedWith = async (key: string) => {
    const before = Date.now();
    const { token, expiresAt } = await awsTokens(REQUEST, process.env, 5000)();
    expect(new URLSearchParams(token.split("?")[1]).get("X-Amz-Credential")).toContain(`${key}/`);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + 900_000);
    return { expiresAt, lifeMs: expiresAt - before };
  };

  test("variables; a token lives for a quarter of an hour", async () => {
    useCredentials({ AWS_ACCESS_KEY_ID: "static", AWS_SECRET_ACCESS_KEY: "secret" });
    expect((await signedWith("static")).lifeMs).toBeGreaterThanOrEqual(900_000);
  });

  test("the container's endpoint; no token outlives the credentials", async () => {
    const expiresAt = Date.now() + 600_000;
    const host = await useReceiver(({ url, headers }) => {
      expect([url, headers.authorization]).toEqual(["/role", "of-the-container"]);
      const keys = { AccessKeyId: "container", SecretAccessKey: "secret", Token: "session" };
      return { ...keys, Expiration: new Date(expiresAt).toISOString() };
    });
    useCredentials({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${host}/role`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "of-the-container",
    });
    expect((await signedWith("container")).expiresAt).toBe(expiresAt);
  });

  test("web identity, as in Kubernetes", async () => {
    const host = await useReceiver(({ method }, body) => {
      expect(method).toBe("POST");
      expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
        Action: "AssumeRoleWithWebIdentity",
        RoleArn: "arn:aws:iam::123456789012:role/pump",
        WebIdentityToken: "of-the-pod",
      });
      const expires = new Date(Date.now() + HOUR_MS).toISOString();
      return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>assumed</AccessKeyId>
        <SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${expires}</Expiration>
        </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
    });
    const folder = useCredentials({
      AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/pump",
      AWS_REGION: "eu-west-1",
      AWS_ENDPOINT_URL_STS: `http://${host}`,
    });
    const file = join(folder, "token");
    writeFileSync(file, "of-the-pod");
    useVariables({ AWS_WEB_IDENTITY_TOKEN_FILE: file });
    await signedWith("assumed");
  });

  test("none, or no region: said in a sentence, with the mend", async () => {
    useCredentials({});
    const credentials = iamCredentials({ ...IAM, region: "" }, "pump");
    onTestFinished(() => credentials.close());
    const noRegion = /there is no region: set iam_auth.region or AWS_REGION. Check iam_auth/;
    await expect(credentials.get()).rejects.toMatchObject({
      code: LOG_ERROR_CODES.auth,
      message: expect.stringMatching(noRegion),
    });
    await expect(awsTokens(REQUEST, process.env, 5000)()).rejects.toThrow(
      "Could not load credentials from any providers",
    );
  });
});

describe("a Redis that takes tokens", () => {
  test("open connections sign in again ahead of the expiry, new ones with the newest token", async () => {
    const sessions = new Map<string, Session>();
    await useInstance(() => {
      const key = `key-${sessions.size + 1}`;
      const session = { secret: `secret/${key}`, token: `a+session/${key}==`, expiresAt: Date.now() + 3000 };
      sessions.set(key, session);
      return { key, ...session };
    });
    const { gate, client } = await useGate(sessions, 3000);
    const config = redisLogConfig(
      { host: "127.0.0.1", port: gate.port },
      { iam: IAM, username: "pump", password: "no" },
    );
    const lists = analyticsLists("analytics-").slice(0, 1);
    const log = openRedisLog({ ...config, leaseMs: 1000, chunkRecords: 10, chunkBytes: 1e6 }, { lists });
    onTestFinished(() => log.close());
    await log.open([SINK]);
    const list = log.lists[0]!;
    const drain = async () => {
      await client.rpush(list.name, "one");
      await claimAll(list);
      const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
      for (const ref of refs!) expect(await readAll(list, ref, 4096)).toHaveLength(1);
    };
    await drain();
    const { connectedAt } = log;
    // Longer than any token lives, and than the service bears a connection that does not sign in again.
    await until(() => gate.signIns.filter((times) => times >= 5).length >= 2, "five tokens on each connection");
    await drain();
    expect(log.connectedAt).toBe(connectedAt);
    gate.cut();
    await until(() => log.connectedAt !== connectedAt && log.connectedAt !== null, "a new connection");
    await drain();
    expect(gate.refusals).toEqual([]);
  });

  test("a role that was taken away: the connection says so, and comes back with the role", async () => {
    const sessions = new Map<string, Session>([["old", { secret: "s", expiresAt: Date.now() + HOUR_MS }]]);
    useCredentials({ AWS_ACCESS_KEY_ID: "new", AWS_SECRET_ACCESS_KEY: "s" });
    const { gate } = await useGate(sessions, HOUR_MS);
    const config = redisLogConfig(
      { host: "127.0.0.1", port: gate.port },
      { iam: IAM, username: "pump", timeoutMs: 500 },
    );
    const lists = analyticsLists("analytics-").slice(0, 1);
    const log = openRedisLog({ ...config, leaseMs: 1000, chunkRecords: 10, chunkBytes: 1e6 }, { lists });
    onTestFinished(() => log.close());
    await expect(log.open([SINK])).rejects.toMatchObject({ code: LOG_ERROR_CODES.auth });
    expect(gate.refusals).toContain("an expired session");
    sessions.set("new", { secret: "s", expiresAt: Date.now() + HOUR_MS });
    await until(() => log.connectedAt !== null, "a connection");
  });
});
