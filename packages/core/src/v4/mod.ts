/**
 * MQTT 3.1.1: the bytes of its packets, as far as a client writes or reads them.
 *
 * @module
 */
import { checkConnect } from "../checks.ts";
import type { Codec, Wire } from "../codec.ts";
import { reading } from "./read.ts";
import { refuse, writing } from "./write.ts";

const WIRE: Wire = { ...reading, ...writing };

/** MQTT 3.1.1, protocol level 4. It keeps nothing for a connection, so all share one wire. */
export const v4: Codec = {
  level: 4,
  open: (): Wire => WIRE,
  checkConnect,
  encode: refuse,
};
