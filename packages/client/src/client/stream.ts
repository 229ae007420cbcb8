/**
 * A recipient that is an async iterator over its queue.
 *
 * @module
 */
import type { Delivery, ReceivedMessage } from "./received_message.ts";
import { Recipient, type RecipientOptions } from "./recipient.ts";
import type { SubscriptionStream } from "./subscription.ts";

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
