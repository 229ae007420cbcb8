/**
 * The properties of MQTT 5, as a program sees them: which there are in each packet. MQTT 3.1.1 has none.
 *
 * Times are in seconds, as on the wire. A property that is absent, or `undefined`, is not sent.
 *
 * @module
 */

/** Names and values, in order; a name may come more than once. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/** What a message carries beside topic and payload. */
export interface PublishProperties {
  /** True: the payload is text in UTF-8. */
  readonly payloadFormatIndicator?: boolean | undefined;
  /** Seconds for which the message is worth delivering, 0 to 4294967295. */
  readonly messageExpiryInterval?: number | undefined;
  /** What the payload is: a MIME type, for instance. */
  readonly contentType?: string | undefined;
  /** The topic under which an answer is expected; no wildcards. */
  readonly responseTopic?: string | undefined;
  /** What an answer is to carry, so that it is known to which request it belongs. At most 65535 bytes. */
  readonly correlationData?: Uint8Array | undefined;
  /** What else the sender has to say. */
  readonly userProperties?: UserProperties | undefined;
}

/** What a message that arrived carries. */
export interface MessageProperties extends PublishProperties {
  /** The identifiers of the subscriptions for which it was sent. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
}

/** What a will carries. */
export interface WillProperties extends PublishProperties {
  /** Seconds between the loss of the connection and the publishing of the will; 0 when absent. */
  readonly willDelayInterval?: number | undefined;
}

/** What CONNECT carries, beside the longest packet that the server may send: that is the engine's `maxPacketSize`. */
export interface ConnectProperties {
  /** Seconds for which the server keeps the session behind the connection; 0 when absent, 4294967295 for ever. */
  readonly sessionExpiryInterval?: number | undefined;
  /**
   * The most messages with QoS 1 and 2 that the server may have unacknowledged at a time, 1 to 65535. A server that exceeds
   * it has its connection ended [MQTT5-3.3.4-9]. mosquitto 2.0.11 does so with 2 and 7, though not with 10 and more.
   */
  readonly receiveMaximum?: number | undefined;
  /**
   * How many topic aliases the server may use; 0 when absent. A topic is held for each, so a server can make us hold
   * that many times 65535 bytes.
   */
  readonly topicAliasMaximum?: number | undefined;
  /** Whether the server is asked for {@link ConnackProperties.responseInformation}. */
  readonly requestResponseInformation?: boolean | undefined;
  /** False: reason strings and user properties come in PUBLISH, CONNACK and DISCONNECT only. */
  readonly requestProblemInformation?: boolean | undefined;
  /** The method of enhanced authentication. */
  readonly authenticationMethod?: string | undefined;
  /** What the method begins with. */
  readonly authenticationData?: Uint8Array | undefined;
  /** What else the server is to know. */
  readonly userProperties?: UserProperties | undefined;
}

/** Why, in words: what every acknowledgement can carry. */
export interface ReasonProperties {
  /** For people. */
  readonly reasonString?: string | undefined;
  /** For programs. */
  readonly userProperties?: UserProperties | undefined;
}

/** What CONNACK carries: the server's limits, and what it decided in our stead. */
export interface ConnackProperties extends ReasonProperties {
  /** How long the server keeps the session, in place of what CONNECT asked for. */
  readonly sessionExpiryInterval?: number | undefined;
  /** The most messages with QoS 1 and 2 that it takes unacknowledged; 65535 when absent. */
  readonly receiveMaximum?: number | undefined;
  /** The highest quality of service that may be published; 2 when absent. */
  readonly maximumQoS?: 0 | 1 | undefined;
  /** Whether it has retained messages; true when absent. */
  readonly retainAvailable?: boolean | undefined;
  /** The longest packet that it takes. */
  readonly maximumPacketSize?: number | undefined;
  /** The client identifier, where CONNECT left it to the server. */
  readonly assignedClientIdentifier?: string | undefined;
  /** How many topic aliases it takes; 0 when absent. */
  readonly topicAliasMaximum?: number | undefined;
  /** Whether filters may have wildcards; true when absent. */
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  /** Whether subscriptions may have identifiers; true when absent. */
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  /** Whether subscriptions may be shared; true when absent. */
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  /** Keep alive in seconds, in place of what CONNECT said. */
  readonly serverKeepAlive?: number | undefined;
  /** What to build response topics from. */
  readonly responseInformation?: string | undefined;
  /** Which server to use in place of this one. */
  readonly serverReference?: string | undefined;
  /** The method of enhanced authentication. */
  readonly authenticationMethod?: string | undefined;
  /** What the method ends with. */
  readonly authenticationData?: Uint8Array | undefined;
}

/** What SUBSCRIBE carries. */
export interface SubscribeProperties {
  /** What messages of these subscriptions are to carry, 1 to 268435455. */
  readonly subscriptionIdentifier?: number | undefined;
  /** What else the server is to know. */
  readonly userProperties?: UserProperties | undefined;
}

/** What UNSUBSCRIBE carries. */
export interface UnsubscribeProperties {
  /** What the server is to know. */
  readonly userProperties?: UserProperties | undefined;
}

/** What a DISCONNECT of ours carries. */
export interface DisconnectProperties extends ReasonProperties {
  /** How long the server keeps the session, in place of what CONNECT said; not above 0 where that was 0. */
  readonly sessionExpiryInterval?: number | undefined;
}

/** What AUTH carries. */
export interface AuthProperties extends ReasonProperties {
  /** The method; the one of CONNECT in every AUTH of the connection. */
  readonly authenticationMethod?: string | undefined;
  /** What the method has to say. */
  readonly authenticationData?: Uint8Array | undefined;
}

/** What a refusal of the server carries, be it CONNACK or DISCONNECT. */
export type RefusalProperties = ConnackProperties;
