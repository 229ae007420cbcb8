/**
 * Who receives messages: an async iterator over a queue, or a callback.
 *
 * A message with QoS 1 or 2 is acknowledged when its recipient is done with it: the loop has asked for the next one or
 * has been left, the callback has returned (a promise of it has settled). What the recipient throws changes nothing
 * in that: a message that breaks a program must not come back for ever. With `acknowledge: "manual"` it is
 * acknowledged by its own `acknowledge()` alone.
 *
 * @module
 */
import type { QoS } from "@minimqtt/core";
import { type Gate, MessageQueue, type QueueLimits } from "./message_queue.ts";
import { isPromise } from "./pump.ts";
import type { Delivery, ReceivedMessage } from "./received_message.ts";

/** A subscription that the broker granted. */
export interface Subscription {
  /** The topic filters, as they were given. */
  readonly filters: readonly string[];
  /** The quality of service that the broker granted for each; it may be lower than what was asked for. */
  readonly granted: readonly QoS[];
  /**
   * Ends it: loops over it end, its callback is called no more, and what waited in its queue is dropped. Filters that
   * no other subscription has are unsubscribed. Resolves when the broker has confirmed that, or when there is no
   * connection: the broker is told when there is one again.
   */
  unsubscribe(): Promise<void>;
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

/** What a recipient is made from. */
export interface RecipientOptions {
  readonly filters: readonly string[];
  readonly manual: boolean;
  readonly limits: QueueLimits;
  readonly gate: Gate;
  /** Takes the recipient out of the subscriptions. */
  readonly leave: (recipient: Recipient) => Promise<void>;
  /** Called when it is read for the first time. */
  readonly opened: () => void;
}

/** One of those who get messages. */
export abstract class Recipient implements Subscription {
  readonly filters: readonly string[];
  readonly granted: QoS[] = [];
  /** Whether anyone reads it: a subscription may be made for those who read all messages. */
  isRead = true;
  /** Why it has ended: `null` when it was asked to. */
  ended: { readonly error: unknown } | null | undefined;
  protected readonly manual: boolean;
  protected readonly queue: MessageQueue;
  /** What was taken out of the queue at a time, from `#at` on. */
  #taken: (Delivery | undefined)[] = [];
  #at = 0;
  readonly #leave: (recipient: Recipient) => Promise<void>;

  constructor(options: RecipientOptions) {
    this.filters = options.filters;
    this.manual = options.manual;
    this.queue = new MessageQueue(options.limits, options.gate);
    this.#leave = options.leave;
  }

  /** Takes a message over. */
  abstract deliver(message: Delivery): void;

  /** It gets nothing any more; what it is at work on counts as done. */
  end(ended: { readonly error: unknown } | null): void {
    if (this.ended === undefined) this.ended = ended;
    this.finish();
    this.setAside();
  }

  /** What is in the queue counts as done, and can still be read: nobody waits for that any more. */
  setAside(): void {
    const rest = this.takeAll();
    for (const message of rest) message.acknowledge();
    this.#taken = rest;
    this.#at = 0;
  }

  /** Takes a message over if there is room for more: nobody waits for it to be read. */
  offer(message: Delivery): void {
    if (this.queue.hasRoom(message)) this.deliver(message);
  }

  /** Empties the queue; gives what was in it. */
  takeAll(): Delivery[] {
    const rest = this.#taken.slice(this.#at) as Delivery[];
    this.#at = this.#taken.length;
    return rest.length === 0 ? this.queue.takeAll() : rest.concat(this.queue.takeAll());
  }

  protected shift(): Delivery | undefined {
    if (this.#at === this.#taken.length) {
      if (this.queue.length === 0) return undefined;
      this.#taken = this.queue.takeAll();
      this.#at = 0;
    }
    const message = this.#taken[this.#at];
    this.#taken[this.#at++] = undefined;
    return message;
  }

  unsubscribe(): Promise<void> {
    return this.#leave(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#leave(this);
  }

  /** What it is at work on counts as done. */
  protected abstract finish(): void;
}

interface Waiter {
  /** Whether it takes one message, handed over as it comes; else it looks into the queue itself. */
  readonly single: boolean;
  readonly resolve: (result: IteratorResult<ReceivedMessage, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<never, undefined> = { done: true, value: undefined };

/** A recipient that is an async iterator. */
export class Stream extends Recipient implements SubscriptionStream {
  #waiting: Waiter[] = [];
  /** What the application is at work on and has not been acknowledged. */
  #inHand: Delivery | readonly Delivery[] | undefined;
  readonly #opened: () => void;

  constructor(options: RecipientOptions) {
    super(options);
    this.#opened = options.opened;
    this.isRead = false;
  }

  deliver(message: Delivery): void {
    if (this.ended !== undefined) return message.acknowledge();
    if (this.#waiting.length === 0) return this.queue.push(message);
    const { single, resolve } = this.#waiting.shift()!;
    if (!single) this.queue.push(message);
    resolve(single ? { done: false, value: this.#handOut(message) } : DONE);
  }

  next(): Promise<IteratorResult<ReceivedMessage, undefined>> {
    if (!this.isRead) this.#open();
    if (this.#inHand !== undefined) this.finish();
    const message = this.shift();
    if (message === undefined) return this.#wait(true);
    return Promise.resolve({ done: false, value: message.qos === 0 ? message : this.#handOut(message) });
  }

  return(): Promise<IteratorResult<ReceivedMessage, undefined>> {
    // Not waited for: who reads the answer may be kept from it by another queue that this very loop empties.
    void this.unsubscribe();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  batches(): AsyncIterableIterator<readonly ReceivedMessage[]> {
    const iterator: AsyncIterableIterator<readonly ReceivedMessage[]> = {
      next: async () => {
        if (!this.isRead) this.#open();
        this.finish();
        let messages = this.takeAll();
        while (messages.length === 0) {
          await this.#wait(false);
          messages = this.takeAll();
          if (this.ended !== undefined && messages.length === 0) return DONE;
        }
        if (!this.manual && messages.some(({ qos }) => qos > 0)) this.#inHand = messages;
        return { done: false, value: messages };
      },
      return: () => this.return() as Promise<IteratorResult<never, undefined>>,
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  override end(ended: { readonly error: unknown } | null): void {
    super.end(ended);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) this.#conclude().then(resolve, reject);
  }

  protected override finish(): void {
    const inHand = this.#inHand;
    if (inHand === undefined) return;
    this.#inHand = undefined;
    if ("topic" in inHand) inHand.acknowledge();
    else for (const message of inHand) message.acknowledge();
  }

  #open(): void {
    this.isRead = true;
    this.#opened();
  }

  #handOut(message: Delivery): Delivery {
    if (message.qos !== 0 && !this.manual) {
      this.finish();
      this.#inHand = message;
    }
    return message;
  }

  #wait(single: boolean): Promise<IteratorResult<ReceivedMessage, undefined>> {
    if (this.ended !== undefined) return this.#conclude();
    return new Promise((resolve, reject) => this.#waiting.push({ single, resolve, reject }));
  }

  /** An error is told once, as by every iterator. */
  #conclude(): Promise<IteratorResult<never, undefined>> {
    const ended = this.ended;
    this.ended = null;
    return ended === null || ended === undefined ? Promise.resolve(DONE) : Promise.reject(ended.error);
  }
}

/** A recipient that is a callback: the shortest way. Messages that come while it has a promise pending are queued. */
export class Listener extends Recipient {
  readonly #callback: (message: ReceivedMessage) => unknown;
  readonly #onError: (error: unknown) => void;
  #busyWith: Delivery | undefined;

  constructor(
    options: RecipientOptions,
    callback: (message: ReceivedMessage) => unknown,
    onError: (error: unknown) => void,
  ) {
    super(options);
    this.#callback = callback;
    this.#onError = onError;
  }

  deliver(message: Delivery): void {
    if (this.ended !== undefined) message.acknowledge();
    else if (this.#busyWith !== undefined) this.queue.push(message);
    else this.#call(message);
  }

  override end(ended: { readonly error: unknown } | null): void {
    const first = this.ended === undefined;
    super.end(ended);
    if (first && ended !== null) this.#onError(ended.error);
  }

  protected override finish(): void {
    if (!this.manual) this.#busyWith?.acknowledge();
  }

  #call(message: Delivery): void {
    try {
      const result = this.#callback(message);
      if (isPromise(result)) {
        this.#busyWith = message;
        result.then(this.#done, (error) => {
          this.#onError(error);
          this.#done();
        });
        return;
      }
    } catch (error) {
      this.#onError(error);
    }
    if (message.qos !== 0 && !this.manual) message.acknowledge();
  }

  readonly #done = (): void => {
    this.finish();
    this.#busyWith = undefined;
    while (this.#busyWith === undefined) {
      const message = this.shift();
      if (message === undefined) return;
      this.#call(message);
    }
  };
}
