import { generateKeyPairSync, verify } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../../test/support/pump.ts";
import { useReceiver, useVariables } from "../../test/support/receiver.ts";
import { redisLogConfig, startRedis } from "../../test/support/redis.ts";
import { claimAll, readAll } from "./conformance.ts";
import { tokenCredentials } from "./credentials.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import { fetchGoogleToken, type GoogleOptions } from "./google-token.ts";
import { analyticsLists } from "./keys.ts";
import { openRedisLog } from "./redis.ts";

const SCOPE = "https://www.googleapis.com/auth/cloud-platform";
const SINK = { name: "a", fingerprint: "" };

function expectMetadataRequest({ method, url, headers }: IncomingMessage): void {
  const { pathname, searchParams } = new URL(url!, "http://metadata");
  expect(method).toBe("GET");
  expect(pathname).toBe("/computeMetadata/v1/instance/service-accounts/default/token");
  expect(searchParams.get("scopes")).toBe(SCOPE);
  expect(headers["metadata-flavor"]).toBe("Google");
}

function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-iam-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** No credentials of the machine's may be found. */
const options = (env: GoogleOptions["env"], more: Partial<GoogleOptions> = {}): GoogleOptions => {
  return { serviceAccount: "", timeoutMs: 2000, ...more, env: { HOME: useFolder(), ...env } };
};

describe("access tokens as passwords", () => {
  test("a token that expires is renewed ahead of that: open connections sign in again, new ones with the newest", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    let issued = 0;
    const host = await useReceiver(async (request) => {
      expectMetadataRequest(request);
      issued++;
      // The last two are good.
      const passwords = [issued, Math.max(1, issued - 1)].map((n) => `>token-${n}`);
      await redis.client.call("ACL", "SETUSER", "default", "resetpass", ...passwords);
      return { access_token: `token-${issued}`, expires_in: 3, token_type: "Bearer" };
    });
    useVariables({ GCE_METADATA_HOST: host, HOME: useFolder(), GOOGLE_APPLICATION_CREDENTIALS: undefined });
    const iam = { provider: "gcp" as const, serviceAccount: "", refreshBeforeMs: 2000 };
    // What else is configured is not used.
    const config = redisLogConfig(redis, { iam, username: "nobody", password: "wrong" });
    const lists = analyticsLists("analytics-").slice(0, 1);
    const log = openRedisLog({ ...config, leaseMs: 1000, chunkRecords: 10, chunkBytes: 1e6 }, { lists });
    onTestFinished(() => log.close());
    await log.open([SINK]);
    const list = log.lists[0]!;
    let got = 0;
    for (const seen of [2, 3, 4]) {
      await until(() => issued >= seen, "another token");
      const connectedAt = log.connectedAt;
      await redis.client.rpush(list.name, "one");
      await claimAll(list);
      const [refs] = await list.take([{ sink: "a", chunks: 5 }]);
      for (const ref of refs!) got += (await readAll(list, ref, 4096)).length;
      expect(log.connectedAt).toBe(connectedAt);
      await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await until(() => log.connectedAt !== connectedAt && log.connectedAt !== null, "a new connection");
    }
    expect(got).toBe(3);
    expect(await redis.client.call("ACL", "LOG")).toEqual([]);
  });

  test("the account of the machine acts for another", async () => {
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    const host = await useReceiver((request, body) => {
      if (request.method === "GET") {
        expectMetadataRequest(request);
        return { access_token: "own", expires_in: 3599 };
      }
      expect(request.url).toBe("/v1/projects/-/serviceAccounts/redis%40project.iam:generateAccessToken");
      expect(request.headers.authorization).toBe("Bearer own");
      expect(JSON.parse(body)).toEqual({ scope: [SCOPE], lifetime: "3600s" });
      return { accessToken: "other", expireTime };
    });
    const more = { serviceAccount: "redis@project.iam", iamUrl: `http://${host}` };
    const token = await fetchGoogleToken(options({ GCE_METADATA_HOST: host }, more));
    expect(token).toEqual({ token: "other", expiresAt: Date.parse(expireTime) });
  });

  test("a service account's key signs a claim; a user's refresh token is exchanged", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const host = await useReceiver((request, body) => {
      expect([request.method, request.url]).toEqual(["POST", "/token"]);
      const form = new URLSearchParams(body);
      expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
      const [header, claim, signature] = form.get("assertion")!.split(".");
      const signed = Buffer.from(`${header}.${claim}`);
      expect(verify("RSA-SHA256", signed, publicKey, Buffer.from(signature!, "base64url"))).toBe(true);
      const { iss, aud, scope, iat, exp } = JSON.parse(Buffer.from(claim!, "base64url").toString());
      expect({ iss, aud, scope, lifetime: exp - iat }).toEqual({
        iss: "pump@project",
        aud: `http://${host}/token`,
        scope: SCOPE,
        lifetime: 3600,
      });
      return { access_token: "signed for", expires_in: 3600 };
    });
    const file = join(useFolder(), "key.json");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    const account = { type: "service_account", client_email: "pump@project", private_key: pem };
    writeFileSync(file, JSON.stringify({ ...account, token_uri: `http://${host}/token` }));
    const { token, expiresAt } = await fetchGoogleToken(options({ GOOGLE_APPLICATION_CREDENTIALS: file }));
    expect(token).toBe("signed for");
    expect(expiresAt - Date.now()).toBeGreaterThan(3_590_000);
  });

  test("what does not work is named, without a secret", async () => {
    const host = await useReceiver(() => 403);
    const credentials = tokenCredentials("default", 0, () => fetchGoogleToken(options({ GCE_METADATA_HOST: host })));
    onTestFinished(() => credentials.close());
    await expect(credentials.get()).rejects.toMatchObject({
      code: LOG_ERROR_CODES.auth,
      message: expect.stringMatching(new RegExp(`${host} answered 403.*Check iam_auth`)),
    });
    const endless = await useReceiver(() => "x".repeat(3 << 20));
    await expect(fetchGoogleToken(options({ GCE_METADATA_HOST: endless }))).rejects.toThrow(/more than 1048576 bytes/);
    const file = join(useFolder(), "key.json");
    const from = (text: string) => {
      writeFileSync(file, text);
      return fetchGoogleToken(options({ GOOGLE_APPLICATION_CREDENTIALS: file }));
    };
    await expect(from('{"private_key": "s3cret"')).rejects.toThrow(/^\S+ is not JSON$/);
    await expect(from('{"type": "external_account"}')).rejects.toThrow(/"external_account" are not known/);
    const broken = '{"type": "service_account", "private_key": "s3cret"}';
    await expect(from(broken)).rejects.toThrow("the private key of the service account cannot be used");
    const missing = options({ GOOGLE_APPLICATION_CREDENTIALS: "/nowhere.json" });
    await expect(fetchGoogleToken(missing)).rejects.toThrow(/nowhere.json, which cannot be read: ENOENT/);
  });
});
