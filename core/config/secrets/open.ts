import type { Environment } from "../variables.ts";
import { consulStore } from "./consul.ts";
import { envStore, fileStore, inlineStore } from "./local.ts";
import type { StoreConfig } from "./schema.ts";
import type { Store } from "./store.ts";
import { vaultStore } from "./vault.ts";

/** Nothing is read or asked yet. */
export function openStore(store: StoreConfig, env: Environment): Store {
  switch (store.type) {
    case "env":
      return envStore(store.config, env);
    case "inline":
      return inlineStore(store.config.data);
    case "file":
      return fileStore(store.config.base_path);
    case "hashicorp_vault":
      return vaultStore(store.config, env);
    case "hashicorp_consul":
      return consulStore(store.config, env);
  }
}
