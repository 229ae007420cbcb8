/**
 * The transport: {@link esp32spi}.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Address, Connection, Scheme, Transport } from "@minimqtt/core";
import { checkDial, checkOptions, having } from "@minimqtt/core/internal";
import { EspConnection } from "./connection.ts";
import { EspSpiControl } from "../driver/control.ts";
import type { EspSocket } from "../driver/slots.ts";
import type { WiFiManager } from "../driver/wifi_manager.ts";

/** Options of {@link esp32spi}. */
export interface Esp32SpiOptions {
  /**
   * Whether TLS in the co-processor is the default, `mqtts` on port 8883, and not `mqtt` on 1883; both are served either
   * way. Its authorities are built into the firmware, verification cannot be switched off, and there is one such
   * connection at a time.
   */
  readonly secure?: boolean;
  /**
   * Milliseconds between two looks for bytes on a connection on which nothing comes; 50 by default. Looking begins
   * without a pause after every byte, either way, and slows down to this. An idle connection costs 2000 / `idle` + 2
   * chip-select windows a second (42), and where GPIO0 is wired 4, whatever this says.
   */
  readonly idle?: number;
  /** Sees to it, before each attempt, that the module is connected to a network. */
  readonly wifi?: WiFiManager;
}

/**
 * Makes the transport over a co-processor, for `mqtt://` (1883) and `mqtts://` (8883, TLS by the co-processor). It
 * fulfils the contract in `@minimqtt/core`, as far as the firmware lets it: it tells a connection that was reset from one
 * that was ended no more than the firmware does, so both end in `null`; and the end of one direction is the end of both.
 *
 * Several connections share the bus, each command in its turn. A command that takes the module long holds up all:
 * connecting to an address that does not answer, 3 s, and sending to a peer that does not read, 10 s.
 *
 * The module must be connected to a network: by `control.connectAP(...)` beforehand, or by the option `wifi`.
 *
 * @throws {UsageError} `invalid-argument` for what is no `EspSpiControl`, or an `idle` that is no number from 1 to 60000.
 *
 * @example
 * ```ts
 * import { EspSpiControl, esp32spi } from "@minimqtt/transport-esp32spi";
 * import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
 *
 * const module = new EspEmulator({ networks: [{ ssid: "home", passphrase: "correct horse" }] });
 * const esp = new EspSpiControl(module.bus, module.pins);
 * await esp.connectAP("home", "correct horse");
 * console.log(esp32spi(esp).name, await esp.isConnected()); // esp32spi true
 * module.close();
 * ```
 */
export function esp32spi(control: EspSpiControl, options: Esp32SpiOptions = {}): Transport {
  checkOptions(options, "esp32spi()", { secure: "boolean", idle: "number", wifi: having("connect") });
  const { secure = false, idle = 50, wifi } = options;
  if (!(control instanceof EspSpiControl)) {
    throw new UsageError(
      "invalid-argument",
      "esp32spi() needs the EspSpiControl that drives the co-processor.",
    );
  }
  if (typeof idle !== "number" || !(idle >= 1 && idle <= 60_000)) {
    throw new UsageError("invalid-argument", `idle must be 1 to 60000 milliseconds, not ${idle}.`);
  }
  return {
    name: "esp32spi",
    schemes: secure ? [MQTTS, MQTT] : [MQTT, MQTTS],
    async connect(address, dialling) {
      checkDial(address, dialling);
      const { signal } = dialling ?? {};
      return await connect(control, idle, signal, () => dial(control, { secure, ...address }, wifi, signal));
    },
  };
}

const MQTT: Scheme = { name: "mqtt", port: 1883, secure: false };
const MQTTS: Scheme = { name: "mqtts", port: 8883, secure: true };

/** Dials; an abort does not wait for the module, which cannot be stopped: what it opens afterwards is closed at once. */
function connect(
  control: EspSpiControl,
  idle: number,
  signal: AbortSignal | undefined,
  open: () => Promise<EspSocket>,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    open().then(async (socket) => {
      signal?.removeEventListener("abort", abort);
      if (signal?.aborted) await control.socketClose(socket).catch(() => undefined);
      else resolve(new EspConnection(control, socket, await control.firmwareVersion(), idle));
    }).catch((error) => {
      signal?.removeEventListener("abort", abort);
      reject(error);
    });
  });
}

async function dial(
  control: EspSpiControl,
  { host, port, secure }: Address,
  wifi: WiFiManager | undefined,
  signal: AbortSignal | undefined,
): Promise<EspSocket> {
  const where = `${host}:${port}`;
  try {
    if (host.includes(":")) throw new Error("the co-processor knows IPv4 only");
    // Once round: whether to try again for ever is for the caller to say.
    await wifi?.connect({ rounds: 1, ...(signal && { signal }) });
    // The module does not tell an unknown name from a closed port: asking for the address first does.
    const found = await control.getHostByName(host);
    signal?.throwIfAborted();
    // TLS checks the certificate against the name.
    return await control.socketOpen(secure ? host : found, port, secure ? "tls" : "tcp", signal);
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof UsageError) throw cause;
    if (await isOffline(control, cause)) {
      throw new ConnectionError(
        "dial-failed",
        `No connection to ${where}: the co-processor is in no Wi-Fi network.`,
        {
          cause: new ConnectionError("wifi-down", "The co-processor is in no Wi-Fi network.", { cause }),
        },
      );
    }
    if (cause instanceof ConnectionError && cause.code === "name-not-found") throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    const hint = secure
      ? " With TLS the co-processor does not say why; often it does not trust the certificate."
      : "";
    throw new ConnectionError("dial-failed", `No connection to ${where}: ${text}${hint}`, { cause });
  }
}

/** Whether an attempt that failed was bound to. */
async function isOffline(control: EspSpiControl, cause: unknown): Promise<boolean> {
  const network = cause instanceof ConnectionError &&
    (cause.code === "name-not-found" || cause.code === "dial-failed");
  return network && !await control.isConnected().catch(() => true);
}
