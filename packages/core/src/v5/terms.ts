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
  /** The longest packet that the server may send. */
  limit: number = Infinity;
  /** What the server said; nothing before CONNACK. */
  server: ConnackProperties = {};

  /** Whether the server takes a packet with this remaining length. */
  fits(remaining: number): boolean {
    return remaining <= MAX_REMAINING_LENGTH &&
      sizeOf(remaining) <= (this.server.maximumPacketSize ?? Infinity);
  }

  /**
   * The server takes a packet with this remaining length [MQTT5-3.2.2-15].
   *
   * @throws {UsageError} `payload-too-large`
   */
  checkSize(remaining: number): void {
    if (this.fits(remaining)) return;
    throw new UsageError(
      "payload-too-large",
      `the server takes no packet of ${sizeOf(remaining)} bytes`,
    );
  }

  /**
   * The server takes such a message [MQTT5-3.2.2-11] [MQTT5-3.2.2-14].
   *
   * @throws {UsageError} `not-supported`, `payload-too-large`
   */
  checkMessage(qos: QoS, retain: boolean, remaining: number): void {
    const { maximumQoS = 2, retainAvailable } = this.server;
    if (qos > maximumQoS) throw lacks(`QoS ${qos}`);
    if (retain && retainAvailable === false) throw lacks("retained messages");
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
      throw lacks("wildcards");
    }
  }
}

/** How long a packet with this remaining length is. */
export function sizeOf(remaining: number): number {
  return 1 + lengthBytes(remaining) + remaining;
}

/** The server said in CONNACK that it does not have this. */
export function lacks(what: string): UsageError {
  return new UsageError("not-supported", `the server does not have ${what}`);
}
