import fc from "fast-check";
import { consulStore } from "../../core/config/secrets/consul.ts";
import { SecretError } from "../../core/config/secrets/store.ts";
import { type Receiver, receiver } from "../../core/config/secrets/testing.ts";
import { vaultStore } from "../../core/config/secrets/vault.ts";
import { fetchGoogleToken, type GoogleOptions } from "../../core/log/google-token.ts";
import { orKnown, unpolluted } from "./checks.ts";
import type { Target } from "./harness.ts";
import { mutatedJson } from "./mutate.ts";

interface Input {
  status: number;
  body: string;
  /** The account's own token is given, so that the exchange for another's is what is tried. */
  sound: boolean;
}

const TOKEN = "s3cret-token-of-mine";
const TIMEOUT_MS = 2000;
let server: Receiver | null = null;
const SOUND = JSON.stringify({ access_token: TOKEN, expires_in: 3599 });
let said: Input = { status: 200, body: "", sound: false };

/** What Vault, Consul and Google's servers may answer: a secret that is text, a token with an end, or an error that tells no secret. */
export const answersTarget: Target<Input> = {
  name: "answers",
  input: fc.record({
    status: fc.oneof(
      { weight: 4, arbitrary: fc.constant(200) },
      { weight: 1, arbitrary: fc.constantFrom(204, 400, 403, 404) },
    ),
    body: mutatedJson([
      { data: { data: { a: "b", n: 123456789 }, metadata: { version: 1 } } },
      { access_token: "t", expires_in: 3599, token_type: "Bearer" },
      { access_token: "t", expires_in: 1, accessToken: "t", expireTime: "2030-01-01T00:00:00Z" },
      { errors: ["no"] },
    ]),
    sound: fc.boolean(),
  }),
  bytes: ({ status, body }) => Buffer.from(`${status} ${body}`),
  async run(input) {
    said = input;
    server ??= await receiver(({ url }, response) => {
      const sound = said.sound && url!.startsWith("/computeMetadata");
      response.writeHead(sound ? 200 : said.status).end(sound ? SOUND : said.body);
    });
    const { address } = server;
    for (const store of stores(address)) {
      const value = await orKnown(() => store.get("secret/a"), SecretError);
      if (value !== undefined && typeof value !== "string") throw new Error("a value that is no text");
    }
    const env = { GCE_METADATA_HOST: new URL(address).host, CLOUDSDK_CONFIG: "/nowhere" };
    for (const serviceAccount of ["", "a@b"])
      await google({ serviceAccount, env, timeoutMs: TIMEOUT_MS, iamUrl: address });
    unpolluted();
  },
  async end() {
    await server?.close();
    server = null;
  },
};

function stores(address: string) {
  const vault = { agent_address: "", token: TOKEN, namespace: "", kv_version: 2, mount_path: "", max_retries: 0 };
  const tls = { address: "", ca_file: "", ca_path: "", cert_file: "", key_file: "", insecure_skip_verify: false };
  const consul = { scheme: "http", datacenter: "", http_auth: { username: "", password: "" }, token: TOKEN };
  return [
    vaultStore({ ...vault, address, timeout: TIMEOUT_MS }, {}),
    consulStore({ ...consul, address, wait_time: null, tls_config: tls, timeout: TIMEOUT_MS }, {}),
  ];
}

/** Any error will do, but not one that JavaScript itself throws at what it did not expect. */
async function google(options: GoogleOptions): Promise<void> {
  try {
    const { token, expiresAt } = await fetchGoogleToken(options);
    if (token === "" || !Number.isFinite(expiresAt)) throw new TypeError("no token, and no error either");
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) throw error;
  }
}
