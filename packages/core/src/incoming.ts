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
  /** The same as a set, from the first acknowledgement out of order until nothing waits: most never need it. */
  #members: Set<Message> | undefined;
  /** Those that are acknowledged, but for one that came earlier. */
  readonly #early = new Set<Message>();
  /** QoS 2 identifiers held: with their message while the application has it, with null afterwards. */
  readonly #held = new Map<PacketId, Message | null>();
  /** QoS 2 identifiers whose PUBREC this connection still owes. */
  readonly #owed = new Set<PacketId>();
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
        if (!this.#owed.has(message.id)) {
          this.#wait(held ?? message);
          if (held === null) this.acknowledge(message);
        }
        return false;
      }
      this.#held.set(message.id, message);
    }
    this.#wait(message);
    return true;
  }

  /** Whether the application has a message of this connection. */
  get waits(): boolean {
    return this.#waiting.first !== undefined;
  }

  /** The application is done with a message. One of an earlier connection, or acknowledged before, is let be. */
  acknowledge(message: Message): void {
    if (message.qos === 2 && this.#held.get(message.id) === message) this.#held.set(message.id, null);
    if (this.#waiting.first !== message) {
      this.#members ??= new Set(this.#waiting);
      if (this.#members.has(message)) this.#early.add(message);
      return;
    }
    let next: Message | undefined = message;
    do {
      this.#waiting.shift();
      this.#members?.delete(next);
      if (next.qos === 2) this.#owed.delete(next.id);
      this.#send(next);
      next = this.#waiting.first;
    } while (next !== undefined && this.#early.delete(next));
    if (next === undefined) this.#members = undefined;
  }

  /** PUBREL came: the identifier is free for a new message. False when it was not held. */
  released(id: PacketId): boolean {
    return this.#held.delete(id);
  }

  /** The connection is gone: the server sends again what was not acknowledged, QoS 2 identifiers stay held. */
  closed(): void {
    this.#waiting.clear();
    this.#members = undefined;
    this.#early.clear();
    this.#owed.clear();
  }

  /** The server has no session of ours. */
  forget(): void {
    this.closed();
    this.#held.clear();
  }

  #wait(message: Message): void {
    this.#waiting.push(message);
    this.#members?.add(message);
    if (message.qos === 2) this.#owed.add(message.id);
  }
}
