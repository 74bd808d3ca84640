import { type Static, Type } from "@sluice/sdk/schema";
import type { Json } from "../json.ts";

/** Settings of secret stores, by type; annotations: ../fields.ts. */

const text = (description: string, more = {}) => Type.String({ description, ...more });
const flag = (description: string, more = {}) => Type.Boolean({ description, ...more });
const timeout = Type.Unsafe<number>({
  format: "duration",
  description: "For one read.",
  default: 5000,
  minimum: 1,
  maximum: 300_000,
});

/** One entry of `kv.stores`. */
export const StoreEntry = Type.Object({
  type: text("`env`, `inline`, `file`, `hashicorp_vault` or `hashicorp_consul`."),
  required: flag("The start fails where this store cannot be used, also if nothing refers to it."),
  config: Type.Unsafe<Json>({ raw: true, description: "Settings of the type." }),
});

const Env = Type.Object({
  prefix: text("Ahead of a variable's name; must be set unless `allow_no_prefix`."),
  uppercase: flag("The path is put into capitals."),
  allow_no_prefix: flag("Any variable of the process may be read."),
});

const Inline = Type.Object({
  data: Type.Record(Type.String(), Type.String(), { secret: true, description: "Secrets by name." }),
});

const File = Type.Object({
  base_path: text("Absolute; a path is one below this folder.", { minLength: 1, path: "read" }),
});

const Vault = Type.Object({
  address: text("Else VAULT_ADDR, else https://127.0.0.1:8200."),
  agent_address: text("A Vault agent to ask instead; else VAULT_AGENT_ADDR."),
  token: text("Else VAULT_TOKEN; must be set.", { secret: true }),
  namespace: text("Else VAULT_NAMESPACE."),
  kv_version: Type.Integer({
    default: 2,
    description: "1: first version of Vault's kv engine; anything else: second.",
  }),
  mount_path: text("Where the second version is mounted; empty: the first step of the path."),
  max_retries: Type.Integer({ default: 2, minimum: 0, maximum: 10, description: "After a failure that may pass." }),
  timeout,
});

const Consul = Type.Object({
  address: text("Else CONSUL_HTTP_ADDR, else 127.0.0.1:8500."),
  scheme: text("`http` or `https`."),
  datacenter: text("The agent's own if empty."),
  http_auth: Type.Object(
    { username: text("HTTP user."), password: text("HTTP password.", { secret: true }) },
    { description: "Basic authentication." },
  ),
  token: text("Else CONSUL_HTTP_TOKEN.", { secret: true }),
  wait_time: Type.Unknown({ description: "Not used: reads do not wait for changes." }),
  tls_config: Type.Object(
    {
      address: text("Name that the certificate must have."),
      ca_file: text("PEM bundle of authorities.", { path: "read" }),
      ca_path: text("Folder of PEM files.", { path: "read" }),
      cert_file: text("Client certificate.", { path: "read" }),
      key_file: text("Client key.", { path: "read" }),
      insecure_skip_verify: flag("Any certificate will do."),
    },
    { description: "TLS." },
  ),
  timeout,
});

export const STORE_TYPES = {
  env: Env,
  inline: Inline,
  file: File,
  hashicorp_vault: Vault,
  hashicorp_consul: Consul,
} as const;

/** Types of Tyk Pump that are not built here. */
export const OTHER_STORE_TYPES: readonly string[] = [
  "aws_secrets_manager",
  "gcp_secret_manager",
  "azure_key_vault",
  "cyberark_conjur",
];

export type StoreType = keyof typeof STORE_TYPES;
export type StoreConfig = { [T in StoreType]: { type: T; config: Static<(typeof STORE_TYPES)[T]> } }[StoreType];
export type VaultConfig = Static<typeof Vault>;
export type ConsulConfig = Static<typeof Consul>;
export type EnvConfig = Static<typeof Env>;
