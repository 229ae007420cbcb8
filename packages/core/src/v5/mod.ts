/**
 * MQTT 5: the bytes of its packets, as far as a client writes or reads them, and what holds on one connection.
 *
 * @module
 */
import { checkConnect } from "../checks.ts";
import type { Codec, Wire } from "../codec.ts";
import { CONNECT, PUBLISH } from "../packets.ts";
import { encode, invalid, WILL_TYPE } from "./properties.ts";
import { V5Wire } from "./wire.ts";

/** MQTT 5, protocol level 5. Each connection has a wire of its own. */
export const v5: Codec = {
  level: 5,
  announcesLimit: true,
  open: (): Wire => new V5Wire(),
  checkConnect(options) {
    const { username = "", will, properties = {} } = options;
    // The server may choose an identifier, whatever becomes of the session, and a password may come alone.
    checkConnect({ ...options, username, cleanSession: true });
    encode(CONNECT, properties);
    encode(WILL_TYPE, will?.properties ?? {});
    if (properties.authenticationData && properties.authenticationMethod === undefined) {
      throw invalid("authenticationData without a method");
    }
  },
  encode: (properties) => encode(PUBLISH, properties),
};
