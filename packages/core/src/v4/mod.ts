/**
 * MQTT 3.1.1: the bytes of its packets, as far as a client writes or reads them.
 *
 * @module
 */
import type { Codec, Wire } from "../codec.ts";
import * as read from "./read.ts";
import * as write from "./write.ts";

/** MQTT 3.1.1, protocol level 4. It keeps nothing for a connection, so all share one wire. */
export const v4: Codec = {
  level: 4,
  open: (): Wire => WIRE,
};

const WIRE: Wire = { ...write, ...read };
