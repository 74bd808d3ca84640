import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../variables.ts";
import { type Answer, type GetOptions, httpGet } from "./http-get.ts";
import type { ConsulConfig } from "./schema.ts";
import { SecretError, type Store } from "./store.ts";

const DEFAULT_ADDRESS = "127.0.0.1:8500";
const RETRIES = 2;

/** HashiCorp Consul's key/value store over its HTTP API (GET /v1/kv/<key>?raw): a secret is the value as it is. */
export function consulStore(config: ConsulConfig, env: Environment): Store {
  const token = config.token || env.CONSUL_HTTP_TOKEN || "";

  const get = (path: string): Promise<Answer> => {
    const url = urlOf(config, env, path);
    const headers: GetOptions["headers"] = {};
    if (token !== "") headers["x-consul-token"] = token;
    const { username, password } = config.http_auth;
    const basic = username === "" ? (env.CONSUL_HTTP_AUTH ?? "") : `${username}:${password}`;
    if (basic !== "") headers.authorization = `Basic ${Buffer.from(basic).toString("base64")}`;
    return httpGet(url, { headers, tls: tlsOf(config), timeoutMs: config.timeout, retries: RETRIES });
  };

  return {
    async get(path) {
      const steps = path.replace(/^\//, "").split("/");
      if (steps.some((step) => step === "." || step === "..")) {
        throw new SecretError("SLUICE_SECRET_PATH", "A step of the key is a dot.", "Write the whole key.");
      }
      const { status, body } = await get(`kv/${steps.map(encodeURIComponent).join("/")}?raw`);
      if (status === 404) {
        throw new SecretError(
          "SLUICE_SECRET_MISSING",
          `Consul has no key ${JSON.stringify(path)}.`,
          "Check the key and the datacenter.",
        );
      }
      refuse(status);
      return body;
    },
    async check() {
      const { status } = await get("status/leader");
      refuse(status);
    },
  };
}

function refuse(status: number): void {
  if (status === 200) return;
  if (status === 401 || status === 403) {
    const mend = "Check the token, its policy, and http_auth.";
    throw new SecretError("SLUICE_SECRET_DENIED", `Consul refuses the token or the user (${status}).`, mend);
  }
  throw new SecretError("SLUICE_SECRET_UNAVAILABLE", `Consul answers ${status}.`, "Check its state and its address.");
}

function urlOf({ address, scheme, datacenter }: ConsulConfig, env: Environment, path: string): URL {
  const given = address || env.CONSUL_HTTP_ADDR || DEFAULT_ADDRESS;
  const [, own, host] = /^(?:(https?):\/\/)?(.*)$/.exec(given) ?? [];
  const secure = /^(1|t|true)$/i.test(env.CONSUL_HTTP_SSL ?? "");
  try {
    const url = new URL(`${own ?? (scheme || (secure ? "https" : "http"))}://${host}/v1/${path}`);
    if (datacenter !== "") url.searchParams.set("dc", datacenter);
    return url;
  } catch (error) {
    throw new SecretError("SLUICE_SECRET_STORE", "Its address is none.", "Write host:8500.", error);
  }
}

function tlsOf({ tls_config: tls }: ConsulConfig): NonNullable<GetOptions["tls"]> {
  try {
    const folder = tls.ca_path === "" ? [] : readdirSync(tls.ca_path).map((name) => join(tls.ca_path, name));
    const authorities = [...(tls.ca_file === "" ? [] : [tls.ca_file]), ...folder].map((file) => readFileSync(file));
    return {
      ...(authorities.length > 0 && { ca: authorities }),
      ...(tls.cert_file !== "" && { cert: readFileSync(tls.cert_file) }),
      ...(tls.key_file !== "" && { key: readFileSync(tls.key_file) }),
      ...(tls.address !== "" && { servername: tls.address.replace(/:\d+$/, "") }),
      rejectUnauthorized: !tls.insecure_skip_verify,
    };
  } catch (error) {
    throw new SecretError("SLUICE_SECRET_STORE", "A file of tls_config cannot be read.", "Correct its path.", error);
  }
}
