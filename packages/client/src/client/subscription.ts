/**
 * What `Client.subscribe` gives.
 *
 * @module
 */
import type { QoS } from "@minimqtt/core";
import type { ReceivedMessage } from "./received_message.ts";

/** A subscription that the broker granted. */
export interface Subscription {
  /** The topic filters, as they were given. */
  readonly filters: readonly string[];
  /** The quality of service that the broker granted for each; it may be lower than what was asked for. */
  readonly granted: readonly QoS[];
  /**
   * Ends it: loops over it end, its callback is called no more, and what waited in its queue is dropped. Filters that
   * no other subscription has are unsubscribed. Resolves when the broker has confirmed that, or when there is no
   * connection: the broker is told when there is one again. The signal gives up waiting for that.
   */
  unsubscribe(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Is {@link Subscription.unsubscribe}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Messages as they come. Leaving a loop over them ends it. */
export interface MessageStream extends AsyncIterable<ReceivedMessage> {
  /** The next message; done when the stream has ended. It also says that the application is done with the last one. */
  next(): Promise<IteratorResult<ReceivedMessage, undefined>>;
  /** Ends the stream. */
  return(): Promise<IteratorResult<ReceivedMessage, undefined>>;
  /** The stream itself. Several loops over one stream share its messages: each goes to one of them. */
  [Symbol.asyncIterator](): MessageStream;
  /**
   * The same messages in arrays, all that have come since the last one: less work per message. The array is yours.
   * What is said of a message above is true of a whole array here.
   */
  batches(): AsyncIterableIterator<readonly ReceivedMessage[]>;
}

/** A subscription whose messages are read by `for await`. */
export interface SubscriptionStream extends Subscription, MessageStream {}
