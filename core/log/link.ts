import type { Address, RedisLogConfig } from "../config/config.ts";
import { openCluster } from "./cluster.ts";
import type { Link, Send } from "./connection.ts";
import { fixedCredentials } from "./credentials.ts";
import { iamCredentials } from "./iam.ts";
import { openNode } from "./node.ts";
import { sentinelLocator } from "./sentinel.ts";

/** Connects nothing yet. `intercept` wraps every control command. */
export function openLink(config: RedisLogConfig, intercept?: (send: Send) => Send): Link {
  const fixed = fixedCredentials(config);
  const credentials = config.iam ? iamCredentials(config.iam, config.username) : fixed;
  const nodeWith = (locate: () => Promise<Address>) => openNode({ config, credentials, locate, intercept });
  const link = config.sentinel
    ? nodeWith(sentinelLocator(config, config.sentinel))
    : config.cluster
      ? openCluster(config, (address) => nodeWith(async () => address))
      : nodeWith(async () => config.nodes[0]!);
  return {
    connect: () => link.connect(),
    to: (key) => link.to(key),
    signIn: (credential) => fixed.change(credential),
    close() {
      link.close();
      credentials.close();
    },
  };
}
