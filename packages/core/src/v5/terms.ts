/**
 * What holds on one connection: what we said in CONNECT, what the server said in CONNACK, and what follows for what we
 * may send.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { lengthBytes } from "../fields.ts";
import { MAX_REMAINING_LENGTH, type QoS } from "../packets.ts";
import type { ConnackProperties, ConnectProperties } from "../properties.ts";

/** The terms of one connection. */
export class Terms {
  /** What we said. */
  ours: ConnectProperties = {};
  /** What the server said; nothing before CONNACK. */
  server: ConnackProperties = {};
  #mostBytes = MAX_REMAINING_LENGTH + 5;
  #mostQoS = 2;
  #retains = true;

  /** CONNACK came. */
  accepted(server: ConnackProperties): void {
    this.server = server;
    this.#mostBytes = Math.min(this.#mostBytes, server.maximumPacketSize ?? Infinity);
    this.#mostQoS = server.maximumQoS ?? 2;
    this.#retains = server.retainAvailable ?? true;
  }

  /** Whether the server takes a packet with this remaining length. */
  fits(remaining: number): boolean {
    return 1 + lengthBytes(remaining) + remaining <= this.#mostBytes;
  }

  /**
   * The server takes a packet with this remaining length [MQTT5-3.2.2-15].
   *
   * @throws {UsageError} `payload-too-large`
   */
  checkSize(remaining: number): void {
    if (this.fits(remaining)) return;
    const size = 1 + lengthBytes(remaining) + remaining;
    throw new UsageError(
      "payload-too-large",
      `a packet of ${size} bytes, the server takes ${this.#mostBytes}`,
    );
  }

  /**
   * The server takes such a message [MQTT5-3.2.2-11] [MQTT5-3.2.2-14].
   *
   * @throws {UsageError} `not-supported`, `payload-too-large`
   */
  checkMessage(qos: QoS, retain: boolean, remaining: number): void {
    if (qos > this.#mostQoS) throw lacks(`QoS ${qos}`);
    if (retain && !this.#retains) throw lacks("retained messages");
    this.checkSize(remaining);
  }

  /**
   * The server takes such a subscription.
   *
   * @throws {UsageError} `not-supported`
   */
  checkFilter(filter: string): void {
    const { server } = this;
    if (server.sharedSubscriptionAvailable === false && filter.startsWith("$share/")) {
      throw lacks("shared subscriptions");
    }
    if (server.wildcardSubscriptionAvailable === false && /[+#]/.test(filter)) {
      throw lacks("subscriptions with wildcards");
    }
  }
}

/** The server said in CONNACK that it does not have this. */
export function lacks(what: string): UsageError {
  return new UsageError("not-supported", `the server does not have ${what}`);
}
