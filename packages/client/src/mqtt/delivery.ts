/**
 * Received messages on their last steps: as text or bytes, to the callbacks whose filters match, else to `onMessage`.
 *
 * @module
 */
import { type Message, MQTTMatcher, UsageError } from "@minimqtt/core";
import { checkFilter, decodeText } from "@minimqtt/core/internal";
import { isPromise } from "../link/is_promise.ts";
import { MMQTTException } from "./exceptions.ts";
import { debug, isDebugging } from "./log_lines.ts";
import type { Logger } from "./logger.ts";
import type { Received } from "./options.ts";

/** What a message is handed to, together with the client that got it. */
type Callback<Client, B extends boolean> = (
  client: Client,
  topic: string,
  message: Received<B>,
  packet: Message,
) => unknown;

/** What is asked of a client. */
interface Addressee<Client, B extends boolean> {
  readonly onMessage: Callback<Client, B> | null;
  readonly logger: Logger;
}

/** The callbacks of one client. */
export class Delivery<Client extends Addressee<Client, B>, B extends boolean> {
  readonly #client: Client;
  readonly #binary: boolean;
  readonly #callbacks = new MQTTMatcher<Callback<Client, B>>();

  /** `client` is whose `onMessage` takes what no other callback does, and what callbacks get first. */
  constructor(client: Client, binary: boolean) {
    this.#client = client;
    this.#binary = binary;
  }

  /** @throws {UsageError} when either is missing, or for what is no filter. */
  set(filter: string, callback: Callback<Client, B>): void {
    if (filter === undefined || filter === null || typeof callback !== "function") {
      throw new UsageError("invalid-argument", "MQTT topic and callback method must both be defined.");
    }
    this.#callbacks.set(filter, callback);
  }

  /** @throws {UsageError} `unknown-topic` when the filter has none. */
  delete(filter: string): void {
    if (filter === undefined || filter === null) {
      throw new UsageError("invalid-argument", "MQTT Topic must be defined.");
    }
    checkFilter(filter);
    if (!this.#callbacks.delete(filter)) {
      throw new UsageError("unknown-topic", "MQTT topic callback not added with add_topic_callback.");
    }
  }

  /**
   * Hands a message out; a promise when a callback has given one.
   *
   * @throws what a callback throws.
   */
  deliver(message: Message): unknown {
    const { topic } = message;
    const client = this.#client;
    if (isDebugging(client.logger)) {
      debug(client.logger, "Receiving PUBLISH", { topic, bytes: message.payload.length, qos: message.qos });
    }
    const payload = (this.#binary ? message.payload : decode(message)) as Received<B>;
    if (this.#callbacks.size > 0) {
      const callbacks = this.#callbacks.match(topic, []);
      if (callbacks.length > 0) return this.#callEach(callbacks.values(), payload, message);
    }
    return client.onMessage?.(client, topic, payload, message);
  }

  /** One after the other, each waited for if it gives a promise. */
  #callEach(
    callbacks: IterableIterator<Callback<Client, B>>,
    payload: Received<B>,
    message: Message,
  ): unknown {
    for (const callback of callbacks) {
      const result = callback(this.#client, message.topic, payload, message);
      if (isPromise(result)) {
        return Promise.resolve(result).then(() => this.#callEach(callbacks, payload, message));
      }
    }
    return undefined;
  }
}

function decode(message: Message): string {
  try {
    return decodeText(message.payload);
  } catch (cause) {
    throw new MMQTTException("Message payload is not valid UTF-8", null, { cause });
  }
}
