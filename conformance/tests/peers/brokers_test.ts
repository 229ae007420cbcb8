import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mosquittoMissing, startAedes, startMosquitto } from "../../src/peers/brokers.ts";

const skip = mosquittoMissing() ?? false;
const noOpenssl = spawnSync("openssl", ["version"]).status === 0
  ? false
  : "openssl is not installed: apt-get install openssl";

describe("startMosquitto", () => {
  it("answers when it is there, and leaves neither process nor files behind", { skip }, async () => {
    const broker = await startMosquitto();
    const { pid, folder } = broker;
    assertEquals(await connack(broker.port), [0x20, 2, 0, 0]);
    assert(broker.log.includes("running"));
    assertEquals([isRunning(pid), existsSync(folder)], [true, true]);
    await broker.stop();
    await broker.stop();
    assertEquals([isRunning(pid), existsSync(folder)], [false, false]);
  });

  it("runs several at a time", { skip }, async () => {
    const brokers = await Promise.all([startMosquitto(), startMosquitto(), startMosquitto()]);
    assertEquals(new Set(brokers.map((broker) => broker.port)).size, 3);
    for (const { port } of brokers) assertEquals(await connack(port), [0x20, 2, 0, 0]);
    await Promise.all(brokers.map((broker) => broker.stop()));
  });

  it("asks for passwords", { skip }, async () => {
    const broker = await startMosquitto({ passwords: { user: "secret", other: "word" } });
    assertEquals(await connack(broker.port), [0x20, 2, 0, 5]);
    assertEquals(await connack(broker.port, { username: "user", password: "wrong" }), [0x20, 2, 0, 5]);
    assertEquals(await connack(broker.port, { username: "user", password: "secret" }), [0x20, 2, 0, 0]);
    assertEquals(await connack(broker.port, { username: "other", password: "word" }), [0x20, 2, 0, 0]);
    await broker.stop();
  });

  it("keeps sessions over a restart, with persistence", { skip }, async () => {
    const broker = await startMosquitto({ persistence: true });
    assertEquals(await connack(broker.port, { cleanSession: false }), [0x20, 2, 0, 0]);
    const { pid, port } = broker;
    await broker.restart();
    assertEquals([isRunning(pid), broker.port], [false, port]);
    assertEquals(await connack(port, { cleanSession: false }), [0x20, 2, 1, 0]);
    await broker.stop();
  });

  it("forgets them without it", { skip }, async () => {
    const broker = await startMosquitto();
    await connack(broker.port, { cleanSession: false });
    await broker.kill();
    assertEquals(isRunning(broker.pid), false);
    await broker.restart();
    assertEquals(await connack(broker.port, { cleanSession: false }), [0x20, 2, 0, 0]);
    await broker.stop();
  });

  it("serves WebSockets", { skip }, async () => {
    await using broker = await startMosquitto({ websocket: true });
    const socket = new WebSocket(`ws://127.0.0.1:${broker.websocketPort}`, "mqtt");
    socket.binaryType = "arraybuffer";
    const answer = new Promise<ArrayBuffer>((resolve, reject) => {
      socket.onmessage = (event) => resolve(event.data);
      socket.onerror = () => reject(new Error("no connection"));
    });
    socket.onopen = () => socket.send(connectPacket({}));
    assertEquals([...new Uint8Array(await answer)], [0x20, 2, 0, 0]);
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  });

  it("serves TLS", { skip: skip || noOpenssl }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "brokers-test-"));
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const made = spawnSync("openssl", [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=test".split(
        " ",
      ),
      ...["-keyout", key, "-out", cert],
    ]);
    assertEquals(made.status, 0, String(made.stderr));
    await using broker = await startMosquitto({ tls: { cert, key } });
    const socket = connectTls({ host: "127.0.0.1", port: broker.tlsPort, rejectUnauthorized: false });
    const answer = new Promise<Uint8Array>((resolve, reject) => {
      socket.on("data", resolve);
      socket.on("error", reject);
    });
    socket.write(connectPacket({}));
    assertEquals([...await answer], [0x20, 2, 0, 0]);
    socket.destroy();
    rmSync(folder, { recursive: true });
  });

  it("takes further lines, and shows the log of one that does not start", { skip }, async () => {
    const problem = await startMosquitto({ extraConfig: "nonsense 1" }).then(() => "", String);
    assert(problem.includes("nonsense"), problem);
  });

  it("kills one that a signal holds", { skip }, async () => {
    const broker = await startMosquitto();
    process.kill(broker.pid, "SIGSTOP");
    await broker.kill();
    assertEquals(isRunning(broker.pid), false);
    await broker.stop();
  });
});

describe("startAedes", () => {
  it("answers, and closes its connections when it stops", async () => {
    const aedes = await startAedes();
    const socket = await open(aedes.port);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.resume().write(connectPacket({}));
    assertEquals(await connack(aedes.port, { clientId: "other" }), [0x20, 2, 0, 0]);
    await aedes.stop();
    await closed;
    // Its port is free again.
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(aedes.port, "127.0.0.1", resolve));
    await new Promise((resolve) => server.close(resolve));
  });

  it("lets in whom the option lets in", async () => {
    await using aedes = await startAedes({
      authenticate: (username, password) => username === "user" && password === "secret",
    });
    assertEquals(await connack(aedes.port, { username: "user", password: "secret" }), [0x20, 2, 0, 0]);
    const refusal = await connack(aedes.port, { username: "user", password: "wrong" });
    assertEquals([refusal[0], refusal[3] !== 0], [0x20, true]);
    assertEquals((await connack(aedes.port))[3] !== 0, true);
  });
});

interface Connect {
  readonly clientId?: string;
  readonly cleanSession?: boolean;
  readonly username?: string;
  readonly password?: string;
}

/** The bytes of the broker's first answer to a CONNECT of version 3.1.1. */
async function connack(port: number, options: Connect = {}): Promise<number[]> {
  const socket = await open(port);
  try {
    return await new Promise((resolve, reject) => {
      socket.on("data", (bytes) => resolve([...bytes]));
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed without an answer")));
      socket.write(connectPacket(options));
    });
  } finally {
    socket.destroy();
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

function connectPacket(
  { clientId = "probe", cleanSession = true, username, password }: Connect,
): Uint8Array<ArrayBuffer> {
  const text = (value: string) => [0, value.length, ...new TextEncoder().encode(value)];
  const fields = [clientId, username, password].filter((field) => field !== undefined);
  const flags = (cleanSession ? 0x02 : 0) | (username === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40);
  const rest = [...text("MQTT"), 4, flags, 0, 60, ...fields.flatMap(text)];
  return Uint8Array.of(0x10, rest.length, ...rest);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
