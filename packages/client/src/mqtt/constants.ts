/**
 * MiniMQTT's constants, under their own names.
 *
 * @module
 */

/** The largest message the protocol can carry, in bytes. */
export const MQTT_MSG_MAX_SZ = 268_435_455;
/** The default limit for messages, in bytes: `MQTT.mqttMsg`. */
export const MQTT_MSG_SZ_LIM = 10_000_000;
/** The longest topic, in bytes. */
export const MQTT_TOPIC_LENGTH_LIMIT = 65_535;
/** The port for plain connections. */
export const MQTT_TCP_PORT = 1883;
/** The port for TLS. */
export const MQTT_TLS_PORT = 8883;

/** `loop()` gives it for a PINGRESP. */
export const MQTT_PINGRESP = 0xd0;
/** `loop()` gives it for a message. */
export const MQTT_PUBLISH = 0x30;
/** The first byte of a SUBSCRIBE. */
export const MQTT_SUB = 0x82;
/** `loop()` gives it for a SUBACK. */
export const MQTT_SUBACK = 0x90;
/** The original's name for the first byte of an UNSUBSCRIBE. */
export const MQTT_UNSUB = 0xa2;
/** `loop()` gives it for an UNSUBACK. */
export const MQTT_UNSUBACK = 0xb0;

/** CONNACK: the server does not speak this version. */
export const CONNACK_ERROR_INCORRECT_PROTOCOL = 1;
/** CONNACK: the server does not take this client identifier. */
export const CONNACK_ERROR_ID_REJECTED = 2;
/** CONNACK: the server is there, its service is not. */
export const CONNACK_ERROR_SERVER_UNAVAILABLE = 3;
/** CONNACK: the credentials are malformed, or wrong. */
export const CONNACK_ERROR_INCORRECT_USERNAME_PASSWORD = 4;
/** The same, in the original's spelling. */
export const CONNACK_ERROR_INCORECT_USERNAME_PASSWORD = 4;
/** CONNACK: this client may not connect. */
export const CONNACK_ERROR_UNAUTHORIZED = 5;

/** What the codes of a CONNACK mean. */
export const CONNACK_ERRORS: Readonly<Record<number, string>> = {
  1: "Connection Refused - Incorrect Protocol Version",
  2: "Connection Refused - ID Rejected",
  3: "Connection Refused - Server unavailable",
  4: "Connection Refused - Incorrect username/password",
  5: "Connection Refused - Unauthorized",
};
