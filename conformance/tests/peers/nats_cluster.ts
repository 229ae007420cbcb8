/**
 * Three NATS servers with MQTT as one cluster on loopback, for tests of fail-over: a session lives on when the node dies
 * on which its client was.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answers, find, freePorts } from "../../src/peers/brokers.ts";

/** A cluster that runs. */
export interface NatsCluster extends AsyncDisposable {
  /** The MQTT ports of the nodes, all on 127.0.0.1. */
  readonly ports: readonly number[];
  /** Ends a node as a crash would; its files stay. */
  kill(node: number): Promise<void>;
  /** What all nodes have logged. */
  readonly log: string;
  /** Ends all nodes and removes their files. */
  stop(): Promise<void>;
}

/** Why tests with NATS must be skipped, or null; throws where CI is set, as nothing may be skipped there. */
export function natsMissing(): string | null {
  if (find("nats-server") !== null) return null;
  const reason = "nats-server is not installed: apt-get install nats-server";
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** Starts the nodes together, and waits until each of them lets MQTT clients in. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const program = find("nats-server");
  if (program === null) throw new Error(natsMissing() ?? "");
  const folder = mkdtempSync(join(tmpdir(), "nats-"));
  const ports = await freePorts(3 * NODES);
  const [mqtt, routes, nats] = [0, 1, 2].map((part) => ports.slice(part * NODES, (part + 1) * NODES));
  const nodes: ChildProcess[] = [];
  let log = "";
  for (let node = 0; node < NODES; node++) {
    const file = join(folder, `${node}.conf`);
    const others = routes!.filter((_port, index) => index !== node).map((port) => `"nats://${HOST}:${port}"`);
    writeFileSync(
      file,
      [
        `server_name: "n${node}"`,
        `host: ${HOST}`,
        `port: ${nats![node]}`,
        `jetstream { store_dir: "${join(folder, String(node))}" }`,
        `cluster { name: c, listen: "${HOST}:${routes![node]}", routes: [${others.join(", ")}] }`,
        // Without replicas the session dies with its node.
        `mqtt { host: ${HOST}, port: ${mqtt![node]}, stream_replicas: ${NODES}, ack_wait: "2s" }`,
      ].join("\n"),
    );
    const child = spawn(program, ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.on("data", (text) => log += String(text));
    nodes.push(child);
  }
  const end = (child: ChildProcess): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve();
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map(end));
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_LIMIT;
  for (const port of mqtt!) {
    while (!await answers(port)) {
      if (Date.now() > deadline) {
        await stop();
        throw new Error(`the cluster lets no client in:\n${log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  return {
    ports: mqtt!,
    kill: (node) => end(nodes[node]!),
    get log() {
      return log;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const HOST = "127.0.0.1";
const NODES = 3;
const START_LIMIT = 60_000;
