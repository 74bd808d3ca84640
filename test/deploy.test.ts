import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { validate } from "dockerfile-utils";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../core/config/load.ts";
import { ROOT, read, sourceFiles } from "./sources.ts";
import { CouldNotRun } from "./support/could-not-run.ts";

/** What deploys Sluice, as far as it can be tried without what it is for. */
interface Yaml {
  [key: string]: Yaml & string;
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sluice-deploy-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A configuration that is shipped has nothing to complain about. */
function expectGood(conf: string): ReturnType<typeof loadConfig>["config"] {
  const cwd = folder();
  writeFileSync(join(cwd, "pump.conf"), conf);
  const { config, problems } = loadConfig({ cwd, env: {} });
  expect(problems).toEqual([]);
  return config;
}

describe("systemd", () => {
  function analyze(...args: string[]) {
    const cwd = folder();
    // Where this machine has them, so that it can tell whether they are there.
    const unit = read("deploy/systemd/sluice.service")
      .replaceAll("/usr/bin/node", process.execPath)
      .replaceAll("/opt/sluice", ROOT.replace(/\/$/, ""));
    writeFileSync(join(cwd, "sluice.service"), unit);
    const { error, status, stdout, stderr } = spawnSync("systemd-analyze", [...args, "sluice.service"], {
      cwd,
      encoding: "utf8",
      env: { PATH: process.env.PATH, SYSTEMD_COLORS: "0", SYSTEMD_EMOJI: "0" },
    });
    if (error) throw new CouldNotRun("systemd-analyze is missing; install systemd");
    return { status, said: `${stdout}${stderr}` };
  }

  test("the unit says nothing that systemd does not understand", () => {
    const { status, said } = analyze("verify", "--man=no");
    // Of the machine's own units it may complain; not of ours.
    expect(said.split("\n").filter((line) => line.includes("sluice"))).toEqual([]);
    expect(status).toBe(0);
  });

  test("it leaves the service little that it does not need", () => {
    // Of 100; 90 is a unit that says nothing.
    const { status, said } = analyze("security", "--offline=true", "--threshold=20", "--no-pager");
    expect(status, said).toBe(0);
  });
});

describe("container", () => {
  const dockerfile = read("deploy/container/Dockerfile");
  const instructions = dockerfile
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter(Boolean);
  const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM")));
  const argumentOf = (name: string) => last.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? "";

  test("the Dockerfile is well-formed", () => {
    expect(validate(dockerfile)).toEqual([]);
  });

  test("it runs as somebody, not as root, gets signals itself, and copies what there is", () => {
    expect(argumentOf("USER")).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    for (const name of ["ENTRYPOINT", "CMD"]) expect(JSON.parse(argumentOf(name))).toBeInstanceOf(Array);
    const copied = instructions
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from"))
      .flatMap((line) => line.split(" ").slice(1, -1));
    const sent = read(".dockerignore").split("\n");
    for (const path of copied) {
      expect(sourceFiles(`${path}{,/**}`).length, path).toBeGreaterThan(0);
      expect(sent, `.dockerignore lets ${path} through`).toContain(`!${path}`);
    }
  });

  test("its health check tells a pump that answers from one that does not", async () => {
    const check = argumentOf("HEALTHCHECK").replace(/^.*? CMD /, "");
    const [, ...args] = JSON.parse(check) as string[];
    let status = 200;
    const server = createServer((request, response) => {
      expect(request.url).toBe("/livez");
      response.writeHead(status).end();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const run = async () => {
      const env = { TYK_PMP_HEALTHCHECKENDPOINTPORT: String(port) };
      const [code] = await once(spawn(process.execPath, args, { env, stdio: "inherit" }), "exit");
      return code;
    };
    expect(await run()).toBe(0);
    status = 503;
    expect(await run()).toBe(1);
    server.close();
    expect(await run()).toBe(1);
  });

  test("the compose file gives the pump no more rights than it needs, and time to stop", () => {
    const { sluice, redis } = parse(read("deploy/container/compose.yaml")).services;
    expect(sluice).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    const { stopMs } = expectGood(read("deploy/container/pump.conf"));
    expect(Number.parseInt(sluice.stop_grace_period, 10) * 1000).toBeGreaterThanOrEqual(stopMs + 10_000);
    expect(redis.command).toContain("noeviction");
    for (const { ports } of [sluice, redis]) expect(ports[0]).toMatch(/^127\.0\.0\.1:/);
  });
});

describe("Helm", () => {
  const chart = "deploy/helm/sluice";
  const values = parse(read(`${chart}/values.yaml`));
  const check = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(read(`${chart}/values.schema.json`)));
  const templates = sourceFiles(`${chart}/templates/*`).map((path) => ({ path, text: read(path) }));

  test("the chart is one, for this version", () => {
    const { version } = JSON.parse(read("core/package.json"));
    expect(parse(read(`${chart}/Chart.yaml`))).toMatchObject({ apiVersion: "v2", name: "sluice", appVersion: version });
  });

  test("its schema takes its values, knows each, and refuses what is misspelt", () => {
    check(values);
    expect(check.errors).toBeNull();
    const { properties } = JSON.parse(read(`${chart}/values.schema.json`));
    expect(Object.keys(properties).sort()).toEqual(["global", ...Object.keys(values)].sort());
    for (const wrong of [
      { replica: 2 },
      { replicas: "2" },
      { secrets: { password: { name: "a", key: "b" } } },
      { secrets: { PASSWORD: "plain" } },
      { config: { pumps: {} } },
      { port: 0 },
    ]) {
      expect(check({ ...values, ...wrong }), JSON.stringify(wrong)).toBe(false);
    }
  });

  test("what it configures by default is valid", () => {
    expectGood(JSON.stringify(values.config));
  });

  test("its templates name only values, templates and functions that there are", () => {
    const all = templates.map(({ text }) => text).join("\n");
    const defined = new Set([...all.matchAll(/define "([^"]+)"/g)].map(([, name]) => name));
    for (const [, name] of all.matchAll(/include "([^"]+)"/g)) expect(defined).toContain(name);
    for (const { path, text } of templates) {
      for (const [, name] of text.matchAll(/\.Values((?:\.\w+)+)/g)) {
        const found = name!
          .slice(1)
          .split(".")
          .reduce<Yaml | undefined>((value, key) => (key === "host" ? value : value?.[key]), values);
        expect(found, `${path}: .Values${name}`).toBeDefined();
      }
    }
  });

  test("the blocks of each template are closed", () => {
    for (const { path, text } of templates) {
      expect(text.split("{{").length, path).toBe(text.split("}}").length);
      const actions = [...text.matchAll(/\{\{-?\s*(if|range|with|define|end|else)\b/g)].map(([, word]) => word);
      const depth = actions.reduce((open, word) => open + (word === "end" ? -1 : word === "else" ? 0 : 1), 0);
      expect(depth, path).toBe(0);
    }
  });

  test("a pod is given more time than the pump takes to stop, and no secret stands in it", () => {
    const workload = templates.find(({ path }) => path.endsWith("workload.yaml"))!.text;
    expect(workload).toMatch(/terminationGracePeriodSeconds: \{\{ add \(int \.Values\.stopSeconds\) 20 \}\}/);
    for (const wanted of ["runAsNonRoot: true", "readOnlyRootFilesystem: true", "secretKeyRef", "/livez", "/readyz"])
      expect(workload).toContain(wanted);
  });
});
