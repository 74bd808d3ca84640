import type { AwsIamConfig, IamConfig } from "./config.ts";
import type { Draft } from "./draft.ts";
import { parseDuration } from "./scalars.ts";
import type { Storage } from "./schema.ts";

const STORAGE = "analytics_storage_config";
const PATH = `${STORAGE}.iam_auth`;
const ERROR = { severity: "error" } as const;
const WARNING = { severity: "warning" } as const;
const REFRESH_BEFORE_MS = 5 * 60_000;
const OWN_KEYS = { gcp: ["service_account"], aws: ["service", "cache_name", "serverless", "region"] } as const;

/** `iam_auth` of the storage settings: whose tokens are Redis' passwords. */
export function iamOf(storage: Storage, draft: Draft): IamConfig | undefined {
  const iam = storage.iam_auth;
  if (!iam.enabled) return undefined;
  const refreshBeforeMs = refreshBefore(iam.token_refresh_before_expiry, draft);
  if (!storage.use_ssl && !storage.redis_use_ssl) {
    draft.report("SLUICE_CONFIG_BAD_VALUE", WARNING, {
      path: `${PATH}.enabled`,
      message: "Access tokens go to Redis in the clear: TLS is off.",
      mend: `Set ${STORAGE}.use_ssl.`,
    });
  }
  const provider = iam.provider.trim().toLowerCase();
  if (provider === "aws") {
    noEffect(OWN_KEYS.gcp, provider, draft);
    return { provider, ...awsOf(storage, draft), refreshBeforeMs };
  }
  if (provider !== "gcp") {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.provider`,
      message: `${PATH}.provider must be "gcp" or "aws", but is ${JSON.stringify(iam.provider)}.`,
      mend: "Write one of them, or sign in with username and password.",
    });
  } else noEffect(OWN_KEYS.aws, provider, draft);
  return { provider: "gcp", serviceAccount: iam.service_account, refreshBeforeMs };
}

function awsOf(storage: Storage, draft: Draft): Omit<AwsIamConfig, "provider" | "refreshBeforeMs"> {
  const { cache_name, serverless, region, ...iam } = storage.iam_auth;
  const service = iam.service.trim().toLowerCase() || "elasticache";
  if (service !== "elasticache" && service !== "memorydb") {
    draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.service`,
      message: `${PATH}.service must be "elasticache" or "memorydb", but is ${JSON.stringify(iam.service)}.`,
      mend: "Correct it.",
    });
  }
  // It becomes the host of a URL.
  const cacheName = cache_name.trim().toLowerCase();
  if (!/^[a-z0-9-]+$/.test(cacheName)) {
    draft.report(cacheName === "" ? "SLUICE_CONFIG_MISSING" : "SLUICE_CONFIG_BAD_VALUE", ERROR, {
      path: `${PATH}.cache_name`,
      message: `${PATH}.cache_name must be a name of letters, digits and hyphens, but is ${JSON.stringify(cache_name)}.`,
      mend: "Write the name of the replication group, serverless cache or MemoryDB cluster; it is no host name.",
    });
  }
  if (storage.username === "") {
    draft.report("SLUICE_CONFIG_MISSING", ERROR, {
      path: `${STORAGE}.username`,
      message: `${STORAGE}.username is not set: a token of AWS is for one user.`,
      mend: "Write the name of the user whose authentication is IAM; in ElastiCache it is the user's id too.",
    });
  }
  return { service: service === "memorydb" ? service : "elasticache", cacheName, serverless, region: region.trim() };
}

function refreshBefore(text: string, draft: Draft): number {
  if (text === "") return REFRESH_BEFORE_MS;
  // Go wants a unit.
  const ms = /^[1-9]\d*$/.test(text) ? undefined : parseDuration(text);
  if (ms !== undefined && ms >= 0) return ms;
  draft.report("SLUICE_CONFIG_BAD_VALUE", ERROR, {
    path: `${PATH}.token_refresh_before_expiry`,
    message: `${PATH}.token_refresh_before_expiry is no duration: ${JSON.stringify(text)}.`,
    mend: 'Write one like "5m" or "90s".',
  });
  return REFRESH_BEFORE_MS;
}

function noEffect(keys: readonly string[], provider: string, draft: Draft): void {
  for (const key of keys) {
    if (!draft.isSet(`${PATH}.${key}`)) continue;
    draft.report("SLUICE_CONFIG_NO_EFFECT", WARNING, {
      path: `${PATH}.${key}`,
      message: `${PATH}.${key} has no effect with the provider "${provider}".`,
      mend: "Remove it.",
    });
  }
}
