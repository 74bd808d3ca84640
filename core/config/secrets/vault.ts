import { readFileSync } from "node:fs";
import type { Environment } from "../variables.ts";
import { type Answer, type GetOptions, httpGet } from "./http-get.ts";
import type { VaultConfig } from "./schema.ts";
import { SecretError, type Store } from "./store.ts";

const DEFAULT_ADDRESS = "https://127.0.0.1:8200";

/**
 * HashiCorp Vault's kv engine over its HTTP API (GET /v1/<path>, X-Vault-Token). A path begins with the mount; a secret is
 * the JSON of its data, so that `#field` picks one of them.
 */
export function vaultStore(config: VaultConfig, env: Environment): Store {
  const { kv_version, mount_path, max_retries, timeout } = config;
  const address = config.agent_address || config.address || env.VAULT_AGENT_ADDR || env.VAULT_ADDR || DEFAULT_ADDRESS;
  const token = config.token || env.VAULT_TOKEN || "";
  const namespace = config.namespace || env.VAULT_NAMESPACE || "";

  const get = (path: string): Promise<Answer> => {
    const headers: GetOptions["headers"] = { "x-vault-request": "true" };
    if (token !== "") headers["x-vault-token"] = token;
    if (namespace !== "") headers["x-vault-namespace"] = namespace;
    const url = addressOf(address, path);
    return httpGet(url, { headers, tls: tlsOf(env), timeoutMs: timeout, retries: max_retries });
  };

  return {
    async get(path) {
      const steps = path.split("/").filter((step) => step !== "");
      if (steps.some((step) => step === "." || step === "..")) {
        throw new SecretError("SLUICE_SECRET_PATH", "A step of the path is a dot.", "Write the whole path.");
      }
      const { status, body } = await get(apiPath(steps, kv_version === 1 ? undefined : mount_path));
      if (status === 404) {
        const mend = "Check the path (it begins with the mount), and kv_version.";
        throw new SecretError("SLUICE_SECRET_MISSING", `Vault has no secret ${JSON.stringify(path)}.`, mend);
      }
      if (status === 400 || status === 401 || status === 403) throw denied(status);
      if (status !== 200) throw unavailable(status);
      const data = dataOf(body, kv_version === 1);
      if (data === undefined) {
        const mend = "Check kv_version and mount_path.";
        throw new SecretError(
          "SLUICE_SECRET_UNAVAILABLE",
          `Vault's answer for ${JSON.stringify(path)} holds no data.`,
          mend,
        );
      }
      return data;
    },
    async check() {
      if (token === "") throw new SecretError("SLUICE_SECRET_STORE", "There is no token.", "Set token or VAULT_TOKEN.");
      const { status } = await get("auth/token/lookup-self");
      if (status === 400 || status === 401 || status === 403) throw denied(status);
      if (status !== 200) throw unavailable(status);
    },
  };
}

/** The second version has `data` behind the mount: behind the first step, where none is named. */
function apiPath(steps: readonly string[], mount: string | undefined): string {
  const encoded = steps.map(encodeURIComponent);
  if (mount === undefined) return encoded.join("/");
  const first = mount.split("/").filter((step) => step !== "").length || 1;
  return [...encoded.slice(0, first), "data", ...encoded.slice(first)].join("/");
}

/** The text of the secret's data as it stands, so that numbers keep theirs. */
function dataOf(body: string, first: boolean): string | undefined {
  try {
    const { data } = JSON.parse(body, keepNumbers) as { data?: { data?: unknown } };
    const found = first ? data : data?.data;
    return typeof found === "object" && found !== null ? JSON.stringify(found) : undefined;
  } catch {
    return undefined;
  }
}

/** A number too long for a double stays as it is written. */
function keepNumbers(this: unknown, _key: string, value: unknown, context?: { source: string }): unknown {
  const raw = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;
  return typeof value === "number" && context && raw ? raw(context.source) : value;
}

function addressOf(address: string, path: string): URL {
  try {
    return new URL(`v1/${path}`, address.endsWith("/") ? address : `${address}/`);
  } catch (error) {
    throw new SecretError("SLUICE_SECRET_STORE", "Its address is no URL.", "Write https://host:8200.", error);
  }
}

function tlsOf(env: Environment): NonNullable<GetOptions["tls"]> {
  const insecure = /^(1|t|true)$/i.test(env.VAULT_SKIP_VERIFY ?? "");
  try {
    const ca = env.VAULT_CACERT ? { ca: readFileSync(env.VAULT_CACERT) } : {};
    return { ...ca, rejectUnauthorized: !insecure };
  } catch (error) {
    throw new SecretError(
      "SLUICE_SECRET_STORE",
      "The file of VAULT_CACERT cannot be read.",
      "Correct VAULT_CACERT.",
      error,
    );
  }
}

function denied(status: number): SecretError {
  return new SecretError(
    "SLUICE_SECRET_DENIED",
    `Vault refuses the token or the request (${status}).`,
    "Check the token, its policy and the namespace.",
  );
}

function unavailable(status: number): SecretError {
  const sealed = status === 503 ? ": it is sealed or starting" : "";
  return new SecretError(
    "SLUICE_SECRET_UNAVAILABLE",
    `Vault answers ${status}${sealed}.`,
    "Check its state and its address.",
  );
}
