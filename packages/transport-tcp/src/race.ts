/**
 * Several addresses of one name: the first that answers is taken (RFC 8305).
 *
 * Node and Bun have this too, but give up an address that has not answered within a moment, for good: with a slow link
 * and a first address without a route no connection ever comes about (nodejs/node #54359).
 *
 * @module
 */

/** Milliseconds after which the next address is tried beside those that have not answered yet. */
const HEAD_START = 250;

/** An attempt at one address. */
export interface Attempt<Opened> {
  /** What it comes to. */
  readonly opened: Promise<Opened>;
  /** Gives it up, or lets go of what it has opened. */
  abandon(): void;
}

/**
 * Tries one address after the other, the next one when all before have failed or after a moment, and gives none up
 * before another has answered. Rejects with what the only address failed of, or with all that they failed of, under
 * the `code` of the first; with the signal's reason when it is aborted.
 */
export function race<Opened>(
  found: Promise<readonly string[]>,
  attempt: (address: string) => Attempt<Opened>,
  signal?: AbortSignal,
): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const attempts: Attempt<Opened>[] = [];
    const errors: (Error & { code?: unknown })[] = [];
    let addresses: readonly string[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = (winner?: Attempt<Opened>) => {
      addresses = [];
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      for (const one of attempts) if (one !== winner) one.abandon();
    };
    const fail = (reason: unknown) => {
      settle();
      reject(reason);
    };
    const abort = () => fail(signal?.reason);
    const next = () => {
      clearTimeout(timer);
      const address = addresses[attempts.length];
      if (address === undefined) return;
      timer = setTimeout(next, HEAD_START);
      const one = attempt(address);
      attempts.push(one);
      one.opened.then((opened) => {
        settle(one);
        resolve(opened);
      }, (error) => {
        errors.push(error);
        if (errors.length === addresses.length) fail(together(errors));
        else if (errors.length === attempts.length) next();
      });
    };
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) return abort();
    found.then((list) => {
      if (signal?.aborted) return;
      addresses = list;
      next();
    }).catch(fail);
  });
}

function together(errors: readonly (Error & { code?: unknown })[]): Error | undefined {
  const [first, second] = errors;
  if (second === undefined) return first;
  const text = errors.map(({ message }) => message).join("; ");
  return Object.assign(new AggregateError(errors, text), { code: first?.code });
}
