/**
 * Messages on their way to the application: which QoS 2 identifiers are held, and in which order to acknowledge.
 *
 * An identifier is held from the first sight of a QoS 2 PUBLISH to its PUBREL, and survives the connection as the
 * session does: a message sent again meanwhile is not delivered again [MQTT-4.3.3-2]. Acknowledgements leave in the
 * order in which the messages came [MQTT-4.6.0-2] [MQTT-4.6.0-3], whatever the order of {@link acknowledge}.
 *
 * @module
 */
import type { Message, PacketId } from "./packets.ts";
import { Queue } from "./queue.ts";

/** What was received and is not settled. */
export class Incoming {
  /** Messages of this connection that wait for the application, in order of arrival. */
  readonly #waiting = new Queue<Message>();
  /** Those that are acknowledged, but for one that came earlier. */
  readonly #early = new Set<Message>();
  /** QoS 2 identifiers held: with their message while the application has it, with null afterwards. */
  readonly #held = new Map<PacketId, Message | null>();
  readonly #send: (message: Message) => void;

  /** Takes what sends the PUBACK or PUBREC of a message. */
  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** A PUBLISH with QoS 1 or 2 came; false when it must not be delivered because it has been. */
  arrived(message: Message): boolean {
    if (message.qos === 2) {
      const held = this.#held.get(message.id);
      if (held !== undefined) {
        // One PUBREC answers all copies that come before it, and waits for its turn as every other.
        if (!this.#waiting.some(({ qos, id }) => qos === 2 && id === message.id)) {
          this.#waiting.push(held ?? message);
          if (held === null) this.acknowledge(message);
        }
        return false;
      }
      this.#held.set(message.id, message);
    }
    this.#waiting.push(message);
    return true;
  }

  /** The application is done with a message. One of an earlier connection, or acknowledged before, is let be. */
  acknowledge(message: Message): void {
    if (message.qos === 2 && this.#held.get(message.id) === message) this.#held.set(message.id, null);
    if (this.#waiting.first !== message) {
      if (this.#waiting.includes(message)) this.#early.add(message);
      return;
    }
    let next: Message | undefined = message;
    do {
      this.#waiting.shift();
      this.#send(next);
      next = this.#waiting.first;
    } while (next !== undefined && this.#early.delete(next));
  }

  /** PUBREL came: the identifier is free for a new message. False when it was not held. */
  released(id: PacketId): boolean {
    return this.#held.delete(id);
  }

  /** The connection is gone: the server sends again what was not acknowledged, QoS 2 identifiers stay held. */
  closed(): void {
    this.#waiting.clear();
    this.#early.clear();
  }

  /** The server has no session of ours. */
  forget(): void {
    this.closed();
    this.#held.clear();
  }
}
