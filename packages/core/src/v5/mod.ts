/**
 * MQTT 5: the bytes of its packets, as far as a client writes or reads them, and what holds on one connection.
 *
 * @module
 */
import { checkClientId, checkCredentials, checkKeepAlive, checkWill } from "../checks.ts";
import type { Codec, Wire } from "../codec.ts";
import { CONNECT, PUBLISH } from "../packets.ts";
import { encode, invalid, WILL_TYPE } from "./properties.ts";
import { V5Wire } from "./wire.ts";

/** MQTT 5, protocol level 5. Each connection has a wire of its own. */
export const v5: Codec = {
  level: 5,
  open: (): Wire => new V5Wire(),
  checkConnect({ clientId, keepAlive, username, password, will, properties }) {
    // The server may choose one, whatever becomes of the session.
    checkClientId(clientId);
    checkKeepAlive(keepAlive);
    // A password may come alone.
    checkCredentials(username ?? "", password);
    if (will !== undefined) checkWill(will);
    if (properties !== undefined) encode(CONNECT, properties);
    if (properties?.authenticationData && properties.authenticationMethod === undefined) {
      throw invalid("authenticationData needs an authenticationMethod [MQTT5 section 3.1.2.11.10]");
    }
    if (will?.properties !== undefined) encode(WILL_TYPE, will.properties);
  },
  encode: (properties) => encode(PUBLISH, properties),
};
