import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CouldNotRun } from "./could-not-run.ts";

/** PEM files of an authority, a server at 127.0.0.1 and localhost, and a client. */
export interface Certificates {
  ca: string;
  server: { cert: string; key: string };
  client: { cert: string; key: string };
  remove(): void;
}

/** Made for this run by openssl. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "sluice-certificates-"));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  try {
    openssl("version");
  } catch {
    throw new CouldNotRun("openssl is missing; install it to test TLS");
  }
  const authority = ["-subj", "/CN=test authority", "-keyout", file("ca.key"), "-out", file("ca.pem")];
  openssl("req", "-x509", ...newKey, "-days", "2", ...authority);
  const signed = (name: string, extensions: string) => {
    openssl("req", ...newKey, "-subj", `/CN=${name}`, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`));
    writeFileSync(file(`${name}.ext`), extensions);
    const by = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2"];
    openssl(
      "x509",
      "-req",
      "-in",
      file(`${name}.csr`),
      ...by,
      "-extfile",
      file(`${name}.ext`),
      "-out",
      file(`${name}.pem`),
    );
    return { cert: file(`${name}.pem`), key: file(`${name}.key`) };
  };
  return {
    ca: file("ca.pem"),
    server: signed("server", "subjectAltName=IP:127.0.0.1,DNS:localhost\n"),
    client: signed("client", "extendedKeyUsage=clientAuth\n"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
