/**
 * Aedes, a broker for MQTT 3.1.1, within this process.
 *
 * @module
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Aedes } from "aedes";
import { createWebSocketStream, WebSocketServer } from "ws";

/** What {@link startAedes} takes. */
export interface AedesOptions {
  /** Whether a client is let in; everybody is without it. */
  readonly authenticate?: (username: string | undefined, password: string | undefined) => boolean;
  /** Whether it listens for WebSockets instead of plain TCP. */
  readonly websocket?: boolean;
}

/** An aedes that runs. */
export interface RunningAedes extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The broker itself, for its hooks and events. */
  readonly broker: Aedes;
  /** Closes it and all its connections. */
  stop(): Promise<void>;
}

/** Starts an aedes in this process. */
export async function startAedes(options: AedesOptions = {}): Promise<RunningAedes> {
  const broker = await Aedes.createBroker();
  const { authenticate } = options;
  if (authenticate !== undefined) {
    broker.authenticate = (_client, username, password, done) => {
      done(null, authenticate(username, password === undefined ? undefined : String(password)));
    };
  }
  if (options.websocket) return await overWebSocket(broker);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    broker.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    host,
    port: (server.address() as AddressInfo).port,
    broker,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function overWebSocket(broker: Aedes): Promise<RunningAedes> {
  const server = new WebSocketServer({
    host,
    port: 0,
    handleProtocols: (protocols) => protocols.has("mqtt") && "mqtt",
  });
  server.on("connection", (socket, request) => {
    // A connection that breaks is the broker's business.
    broker.handle(createWebSocketStream(socket).on("error", () => undefined), request);
  });
  await new Promise((resolve) => server.once("listening", resolve));
  const stop = async (): Promise<void> => {
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    for (const client of server.clients) client.terminate();
    await new Promise((resolve) => server.close(resolve));
  };
  const { port } = server.address() as AddressInfo;
  return { host, port, broker, stop, [Symbol.asyncDispose]: stop };
}

const host = "127.0.0.1";
