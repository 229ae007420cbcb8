/**
 * How a connection comes about: abort (rule 10) and errors (rule 9).
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import { breakable } from "./breaking_off.ts";
import type { Breakable } from "./breaking_off.ts";
import { WsConnection } from "./connection.ts";
import type { Limits } from "./connection.ts";
import { causeOf } from "./socket.ts";
import type { Socket } from "./socket.ts";

/**
 * Opens a socket and waits until it is open. Takes how to do it, host and port for texts, the subprotocols offered, what
 * {@link WsConnection} takes, and the signal for giving up early.
 *
 * @throws {ConnectionError} what the runtime threw or reported, in the contract's terms.
 */
export async function connect(
  open: () => Socket,
  place: string,
  protocols: readonly string[],
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  signal?.throwIfAborted();
  let opening: Breakable;
  try {
    opening = breakable(open);
  } catch (error) {
    throw error instanceof UsageError ? error : dialError(error, place);
  }
  const { socket } = opening;
  socket.binaryType = "arraybuffer";
  // From the beginning: on Deno messages may come before whoever awaits the opening has had a turn.
  const connection = new WsConnection(opening, limits);
  let abort = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      let cause: unknown;
      abort = () => reject(signal?.reason);
      signal?.addEventListener("abort", abort);
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", (event) => cause = event.error ?? event);
      socket.addEventListener("close", (event) => reject(dialError(cause ?? event, place)));
    });
    signal?.throwIfAborted();
    const { protocol } = socket;
    // Browsers, Bun and Node refuse it themselves; Deno leaves it to us.
    if (protocols.length === 0 || protocols.includes(protocol)) return connection;
    const text = `${place} chose subprotocol "${protocol}", expected ${protocols}`;
    throw new ConnectionError("dial-failed", text);
  } catch (error) {
    void connection.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * The contract's error for what a runtime threw or reported while dialling. Node and browsers keep the reason to
 * themselves.
 */
function dialError(said: unknown, place: string): ConnectionError {
  const cause = causeOf(said);
  const { name, message } = cause;
  const denied = name === "NotCapable"
    ? `run with --allow-net=${place}`
    : name === "SecurityError" && "a page from https can use wss only";
  if (denied) {
    return new ConnectionError("not-permitted", `not allowed to connect to ${place}: ${denied}`, { cause });
  }
  if ((cause as { code?: unknown }).code === "ENOTFOUND" || message.includes("dns error")) {
    return new ConnectionError("name-not-found", `no address found for the host name in ${place}`, { cause });
  }
  // An event without a text of its own has nothing to say.
  const { message: text } = said as Partial<Error>;
  const why = text ? `${message.replace(/^.*failed: /, "")}; ` : "";
  const hint = "does a broker listen there, at this path, for WebSockets with the subprotocol mqtt?";
  return new ConnectionError("dial-failed", `cannot connect to ${place}: ${why}${hint}`, { cause });
}
