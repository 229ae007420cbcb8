/**
 * One attempt to open a connection, with a time limit.
 *
 * @module
 */
import { type Address, ConnectionError, type Millis, MqttError } from "@minimqtt/core";
import { abortable } from "./abortable.ts";
import type { Clock } from "./clock.ts";

const TLS_PORT = 8883;
/** How it ends where a broker waits for a TLS handshake. */
const NO_ANSWER: readonly string[] = ["closed", "read-failed", "write-failed", "connack-timeout"];

/**
 * Runs `attempt` with a signal that is aborted with `signal`, or when `until` has come. It is not waited for any longer
 * then, whether it heeds the signal or not: what it brings too late is handed to `discard`.
 *
 * @throws {ConnectionError} `dial-timeout` with the text `late`; `dial-failed` for what is no error of ours, which is
 * its cause then: a transport of the user's own need not know them.
 */
export async function dial<T>(
  place: string,
  attempt: (signal: AbortSignal) => Promise<T>,
  clock: Clock,
  until: Millis,
  late: string,
  signal: AbortSignal,
  discard: (late: T) => void,
): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.timer(until, () => limit.abort(new ConnectionError("dial-timeout", late)));
  const either = AbortSignal.any([signal, limit.signal]);
  let opened: Promise<T> | undefined;
  try {
    either.throwIfAborted();
    opened = attempt(either);
    const result = await abortable(opened, either);
    either.throwIfAborted();
    return result;
  } catch (cause) {
    if (either.aborted) opened?.then(discard, () => {});
    either.throwIfAborted();
    throw cause instanceof MqttError
      ? cause
      : new ConnectionError("dial-failed", `connecting to ${place} failed`, { cause });
  } finally {
    cancel();
  }
}

/** The error of an attempt that got no CONNACK, with a hint where a plain connection went to the port of TLS (MM-199). */
export function suspectTls(error: unknown, { port, secure }: Address): unknown {
  if (port !== TLS_PORT || secure || !(error instanceof ConnectionError && NO_ANSWER.includes(error.code))) {
    return error;
  }
  return new ConnectionError(error.code, `${error.message} (port 8883 is for TLS: is tls() meant?)`, {
    cause: error,
  });
}
