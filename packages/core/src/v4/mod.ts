/**
 * MQTT 3.1.1: the bytes of its packets, as far as a client writes or reads them.
 *
 * @module
 */
import type { Codec, Wire } from "../codec.ts";
import { check, readAcknowledgement, readConnack, readPublish, readReasons } from "./read.ts";
import {
  writeAcknowledgement,
  writeConnect,
  writeDisconnect,
  writePing,
  writePublish,
  writeSubscribe,
  writeUnsubscribe,
} from "./write.ts";

const WIRE: Wire = {
  check,
  readAcknowledgement,
  readConnack,
  readPublish,
  readReasons,
  writeAcknowledgement,
  writeConnect,
  writeDisconnect,
  writePing,
  writePublish,
  writeSubscribe,
  writeUnsubscribe,
};

/** MQTT 3.1.1, protocol level 4. It keeps nothing for a connection, so all share one wire. */
export const v4: Codec = {
  level: 4,
  open: (): Wire => WIRE,
};
