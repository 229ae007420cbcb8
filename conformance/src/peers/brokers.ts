/**
 * Real brokers for tests, on free ports of the loopback interface: mosquitto as a process of its own with a
 * configuration of ours, and aedes within this process, where its hooks can be reached.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { atExit } from "./at_exit.ts";

export { type AedesOptions, type RunningAedes, startAedes } from "./aedes.ts";

/** What {@link startMosquitto} takes. */
export interface MosquittoOptions {
  /** User names with their passwords; who has none of them is refused. */
  readonly passwords?: Readonly<Record<string, string>>;
  /** Whether sessions and retained messages outlive a restart, even after a kill (but for the last second). */
  readonly persistence?: boolean;
  /** Whether there is a second listener, for WebSockets; with the paths of PEM files, for `wss`. */
  readonly websocket?: boolean | { readonly cert: string; readonly key: string };
  /**
   * A further listener, for TLS; the paths of PEM files. With `ca`, clients must have a certificate from it. Then
   * further lines of its configuration.
   */
  readonly tls?: {
    readonly cert: string;
    readonly key: string;
    readonly ca?: string;
    readonly extraConfig?: string;
  };
  /** Further lines of the configuration, before the first listener. */
  readonly extraConfig?: string;
}

/** A mosquitto that runs. */
export interface Mosquitto extends AsyncDisposable {
  readonly host: string;
  /** Of the listener for plain MQTT. */
  readonly port: number;
  /** Only with the option `websocket`. */
  readonly websocketPort: number | undefined;
  /** Only with the option `tls`. */
  readonly tlsPort: number | undefined;
  /** Where its files are. */
  readonly folder: string;
  /** Of the process, for signals such as SIGSTOP. */
  readonly pid: number;
  /** What it has logged. */
  readonly log: string;
  /** Ends it in good order and removes its files. May be called again. */
  stop(): Promise<void>;
  /** Ends it as a crash would (SIGKILL). Its files stay, for {@link Mosquitto.restart}. */
  kill(): Promise<void>;
  /** Starts it again with the same ports and files; ends it in good order before, if it still runs. */
  restart(): Promise<void>;
}

/**
 * Why tests with mosquitto must be skipped, or null. Where CI is set in the environment nothing may be skipped for that,
 * so it throws there.
 */
export function mosquittoMissing(): string | null {
  if (find("mosquitto") !== null) return null;
  const reason = "mosquitto is not installed: apt-get install mosquitto";
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** Starts a mosquitto, and waits until it answers CONNECT. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const broker = new MosquittoProcess(options);
  // Between our choice of a port and mosquitto's use of it, somebody else may have taken it.
  for (let attempt = 1;; attempt++) {
    try {
      await broker.start(await freePorts(3));
      return broker;
    } catch (error) {
      if (attempt < ATTEMPTS && broker.log.includes("Address already in use")) continue;
      await broker.stop();
      throw error;
    }
  }
}

class MosquittoProcess implements Mosquitto {
  readonly host = HOST;
  readonly folder: string = mkdtempSync(join(tmpdir(), "mosquitto-"));
  log = "";
  readonly #options: MosquittoOptions;
  #ports: readonly number[] = [];
  #process: ChildProcess | null = null;

  constructor(options: MosquittoOptions) {
    this.#options = options;
    if (options.passwords !== undefined) this.#writePasswords(options.passwords);
  }

  get port(): number {
    return this.#ports[0] ?? 0;
  }

  get websocketPort(): number | undefined {
    return this.#options.websocket ? this.#ports[1] : undefined;
  }

  get tlsPort(): number | undefined {
    return this.#options.tls === undefined ? undefined : this.#ports[2];
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  async start(ports: readonly number[]): Promise<void> {
    this.#ports = ports;
    writeFileSync(join(this.folder, "mosquitto.conf"), this.#config());
    await this.#run();
  }

  async restart(): Promise<void> {
    await this.#end("SIGTERM");
    await this.#run();
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(): Promise<void> {
    const path = find("mosquitto");
    if (path === null) throw new Error(mosquittoMissing() ?? "");
    this.log = "";
    const child = spawn(path, ["-c", join(this.folder, "mosquitto.conf")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    let ended = false;
    // A test that forgets it must not wait for it in the end.
    child.unref();
    (child.stderr as Socket | null)?.unref();
    running.add(child);
    child.on("error", (error) => {
      ended = true;
      this.log += String(error);
    });
    child.on("exit", () => {
      ended = true;
      running.delete(child);
    });
    child.stderr?.on("data", (text) => {
      this.log += String(text);
    });
    const deadline = Date.now() + START_LIMIT;
    // The log comes first: as long as it does not say so, whoever answers at our port may be somebody else.
    while (!(/ running$/m.test(this.log) && await answers(this.port))) {
      if (ended) throw new Error(`mosquitto did not start:\n${this.log}`);
      if (Date.now() > deadline) throw new Error(`mosquitto does not answer:\n${this.log}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      return;
    }
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    // One that was stopped does not hear SIGTERM.
    const patience = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT);
    await exited;
    clearTimeout(patience);
  }

  #config(): string {
    const { passwords, persistence, websocket, tls, extraConfig } = this.#options;
    return [
      // As root it would become the user mosquitto, who may not read our folder.
      ...(process.getuid?.() === 0 ? ["user root"] : []),
      "log_dest stderr",
      "connection_messages true",
      // By default, it keeps 1000 messages for a client and drops the others in silence.
      "max_queued_messages 0",
      ...(passwords === undefined
        ? ["allow_anonymous true"]
        : ["allow_anonymous false", `password_file ${join(this.folder, "passwords")}`]),
      ...(persistence
        ? ["persistence true", `persistence_location ${this.folder}/`, "autosave_interval 1"]
        : []),
      ...(extraConfig === undefined ? [] : [extraConfig]),
      `listener ${this.port} ${HOST}`,
      ...(websocket ? [`listener ${this.websocketPort} ${HOST}`, "protocol websockets"] : []),
      ...(typeof websocket === "object" ? [`certfile ${websocket.cert}`, `keyfile ${websocket.key}`] : []),
      ...(tls === undefined
        ? []
        : [`listener ${this.tlsPort} ${HOST}`, `certfile ${tls.cert}`, `keyfile ${tls.key}`]),
      ...(tls?.ca === undefined ? [] : [`cafile ${tls.ca}`, "require_certificate true"]),
      ...(tls?.extraConfig === undefined ? [] : [tls.extraConfig]),
      "",
    ].join("\n");
  }

  #writePasswords(passwords: Readonly<Record<string, string>>): void {
    const file = join(this.folder, "passwords");
    writeFileSync(
      file,
      Object.entries(passwords).map(([user, password]) => `${user}:${password}\n`).join(""),
    );
    const { status, stderr } = spawnSync(find("mosquitto_passwd") ?? "mosquitto_passwd", ["-U", file], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`mosquitto_passwd failed: ${stderr}`);
  }
}

/** Where a program is; Debian puts servers into a folder that is not in everybody's PATH. */
export function find(program: string): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter).concat(
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/sbin",
  );
  const found = folders.map((folder) => join(folder, program)).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return found ?? null;
}

/** Ports that are free now; all different, because they are taken at the same time. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, HOST, resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Whether a broker answers CONNECT with a CONNACK, be it a refusal. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => settle(false));
    socket.on("connect", () => socket.write(CONNECT));
    socket.on("data", (bytes) => settle(bytes[0] === CONNACK));
    socket.on("error", () => settle(false));
    socket.on("close", () => settle(false));
  });
}

// What a test forgot ends with us.
const running = new Set<ChildProcess>();
atExit(() => {
  for (const child of running) child.kill("SIGKILL");
});

const HOST = "127.0.0.1";
const ATTEMPTS = 5;
const START_LIMIT = 10_000;
const STOP_LIMIT = 5_000;
const CONNACK = 0x20;
// MQTT 3.1.1, clean session, keep alive 9 seconds, client identifier "p".
const CONNECT = Uint8Array.of(0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 9, 0, 1, 0x70);
