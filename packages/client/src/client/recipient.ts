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
import { checkOptions } from "@minimqtt/core/internal";
import { abortable } from "../link/abortable.ts";
import { type Gate, MessageQueue, type QueueLimits } from "./message_queue.ts";
import { SIGNAL } from "./options.ts";
import { isPromise } from "../link/is_promise.ts";
import type { Delivery, ReceivedMessage } from "./received_message.ts";
import type { Subscription } from "./subscription.ts";

/** What a recipient is made from. */
export interface RecipientOptions {
  readonly filters: readonly string[];
  readonly manual: boolean;
  readonly limits: QueueLimits;
  readonly gate: Gate;
  /** Ends it with its reason. */
  readonly signal: AbortSignal | undefined;
  /** Takes the recipient out of the subscriptions. */
  readonly leave: (recipient: Recipient, ended: { readonly error: unknown } | null) => Promise<void>;
  /** Called when it is read for the first time. */
  readonly opened: () => void;
}

/** One of those who get messages. */
export abstract class Recipient implements Subscription {
  readonly filters: readonly string[];
  readonly granted: QoS[] = [];
  /** Where each filter stands in the list. */
  readonly places: ReadonlyMap<string, number>;
  /** Whether anyone reads it: a subscription may be made for those who read all messages. */
  isRead = true;
  /** Why it has ended: `null` when it was asked to. */
  ended: { readonly error: unknown } | null | undefined;
  protected readonly manual: boolean;
  protected readonly queue: MessageQueue<Delivery>;
  /** What was taken out of the queue at a time, from `#at` on. */
  #taken: (Delivery | undefined)[] = [];
  #at = 0;
  readonly #leave: RecipientOptions["leave"];
  readonly #signal: AbortSignal | undefined;

  constructor(options: RecipientOptions) {
    this.filters = options.filters;
    this.places = new Map(options.filters.map((filter, place) => [filter, place]));
    this.manual = options.manual;
    this.queue = new MessageQueue(options.limits, options.gate);
    this.#leave = options.leave;
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => {
    void this.#leave(this, { error: this.#signal!.reason });
  };

  /** Whether its queue has grown as far as it may, so that only who reads it makes room. */
  get isJammed(): boolean {
    return this.queue.isJammed;
  }

  /** Takes a message over. */
  abstract deliver(message: Delivery): void;

  /** It gets nothing any more; what it is at work on counts as done. */
  end(ended: { readonly error: unknown } | null): void {
    if (this.ended === undefined) this.ended = ended;
    this.#signal?.removeEventListener("abort", this.#onAbort);
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

  async unsubscribe(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkOptions(options, "unsubscribe()", SIGNAL);
    return await abortable(this.#leave(this, null), options.signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  /** What it is at work on counts as done. */
  protected abstract finish(): void;
}

/** A recipient that is a callback: the shortest way. Messages that come while it has a promise pending are queued. */
export class Listener extends Recipient {
  readonly #callback: (message: ReceivedMessage) => unknown;
  readonly #onError: ((error: unknown) => void) | undefined;
  #busyWith: Delivery | undefined;

  constructor(
    options: RecipientOptions,
    callback: (message: ReceivedMessage) => unknown,
    onError: ((error: unknown) => void) | undefined,
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
    if (first && ended !== null) this.#failed(ended.error);
  }

  protected override finish(): void {
    if (!this.manual) this.#busyWith?.acknowledge();
  }

  #call(message: Delivery): void {
    try {
      const result = this.#callback(message);
      if (isPromise(result)) {
        this.#busyWith = message;
        // Not its own `then`, which may throw.
        Promise.resolve(result).then(this.#done, (error) => {
          this.#failed(error);
          this.#done();
        });
        return;
      }
    } catch (error) {
      this.#failed(error);
    }
    if (message.qos !== 0 && !this.manual) message.acknowledge();
  }

  #failed(error: unknown): void {
    try {
      (this.#onError ?? report)(error);
    } catch (again) {
      report(again);
    }
  }

  readonly #done = (): void => {
    this.finish();
    this.#busyWith = undefined;
    while (this.#busyWith === undefined && this.ended === undefined) {
      const message = this.shift();
      if (message === undefined) return;
      this.#call(message);
    }
  };
}

/** An error that nobody takes is not lost: it is reported as one of an event listener is. */
function report(error: unknown): void {
  const { reportError } = globalThis as { reportError?: (error: unknown) => void };
  if (reportError !== undefined) reportError(error);
  else {
    setTimeout(() => {
      throw error;
    });
  }
}
