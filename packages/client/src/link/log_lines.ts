/**
 * Debug lines, which are put together only for who wants them: the packets, without what they carry.
 *
 * @module
 */
import type { Engine, Filter, Payload } from "@minimqtt/core";
import { utf8Length } from "@minimqtt/core/internal";
import { type LogDetails, type Logger, NullLogger } from "./logger.ts";

const DEBUG = 10;

/** The logger of a client that was not told to log. */
export const SILENCE: Logger = new NullLogger();

/**
 * Has what goes through an engine told, from now on; an engine that was not given to it knows nothing of logs.
 * `current` gives the logger of the moment.
 */
export function logPackets(engine: Engine, current: () => Logger): void {
  const { next, publish, subscribe, unsubscribe, acknowledge, ping, disconnect } = engine;
  const tell = (what: string, details: LogDetails = {}): void => {
    const logger = current();
    if (isDebugging(logger)) debug(logger, what, details);
  };
  engine.next = () => {
    const event = next.call(engine);
    if (event === null) return event;
    if (event.type === "message") {
      const { topic, payload, qos } = event;
      tell("Receiving PUBLISH", { topic, bytes: payload.length, qos });
    } else if (event.type === "settled") {
      const { id, packet, reasons } = event;
      tell(`Receiving ${NAMES[packet] ?? "an answer"}`, {
        id,
        ...(reasons.length > 0 && { reasons: reasons.join(" ") }),
      });
    } else if (event.type === "pong") tell("Receiving PINGRESP", {});
    return event;
  };
  engine.publish = (topic, payload, qos = 0, retain = false) => {
    const id = publish.call(engine, topic, payload, qos, retain);
    tell("Sending PUBLISH", { topic, bytes: sizeOf(payload), qos, retain, id });
    return id;
  };
  engine.subscribe = (filters) => {
    const id = subscribe.call(engine, filters);
    for (const { topic, qos } of filters as readonly Filter[]) tell("SUBSCRIBING to", { topic, qos });
    return id;
  };
  engine.unsubscribe = (topics) => {
    const id = unsubscribe.call(engine, topics);
    for (const topic of topics) tell("UNSUBSCRIBING from", { topic });
    return id;
  };
  engine.acknowledge = (message) => {
    acknowledge.call(engine, message);
    if (message.qos > 0) tell("Acknowledging PUBLISH", { topic: message.topic, qos: message.qos });
  };
  engine.ping = (now) => {
    tell("Sending PINGREQ");
    ping.call(engine, now);
  };
  engine.disconnect = () => {
    tell("Sending DISCONNECT");
    disconnect.call(engine);
  };
}

/** Packet types that answer something. */
const NAMES: Readonly<Record<number, string>> = {
  0x40: "PUBACK",
  0x70: "PUBCOMP",
  0x90: "SUBACK",
  0xb0: "UNSUBACK",
};

function isDebugging(logger: Logger): boolean {
  return logger !== SILENCE && (logger.isEnabledFor === undefined || logger.isEnabledFor(DEBUG));
}

/** Text from outside is quoted: it can neither forge a line of the log nor be taken for a directive of its format. */
function debug(logger: Logger, what: string, details: LogDetails): void {
  if (Object.keys(details).length === 0) logger.debug(what);
  else logger.debug(`${what} ${JSON.stringify(details).replaceAll("%", "\\u0025")}`, details);
}

function sizeOf(payload: Payload): number {
  return typeof payload === "string" ? utf8Length(payload) : payload.length;
}
