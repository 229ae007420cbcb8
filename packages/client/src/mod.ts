/**
 * MQTT clients for Deno, Bun, Node and the browser: {@link MQTT} with the API of CircuitPython's MiniMQTT, and
 * {@link Client} that runs by itself.
 *
 * @module
 */
export { Client, type PublishedMessage } from "./client.ts";
export type {
  CleanSession,
  ClientOptions,
  ClientPayload,
  ClientWill,
  CloseOptions,
  CommonOptions,
  Filters,
  ListenOptions,
  PublishOptions,
  ReceivingOptions,
  ReconnectOptions,
  ResumedSession,
  SendingOptions,
  SubscribeOptions,
} from "./client_options.ts";
export type { Clock } from "./clock.ts";
export * from "./constants.ts";
export { setSocket } from "./default_transport.ts";
export { MMQTTException, MMQTTStateError } from "./exceptions.ts";
export {
  type ForeignLogger,
  type LogDetails,
  type Logger,
  type LoggerPackage,
  NullLogger,
} from "./logger.ts";
export { MQTT } from "./mqtt.ts";
export type {
  CallOptions,
  ConnectArguments,
  MQTTOptions,
  OnMessage,
  PublishArguments,
  Received,
  SubscribeArguments,
  Subscriptions,
} from "./mqtt_options.ts";
export type { MessageInput } from "./payload.ts";
export type { Credentials, CredentialsSource } from "./dialler.ts";
export type { ReceivedMessage } from "./received_message.ts";
export type { Status } from "./status.ts";
export type { MessageStream, Subscription, SubscriptionStream } from "./subscription.ts";
export {
  type ConnectionCode,
  ConnectionError,
  type Message,
  MqttError,
  type MqttErrorCode,
  MQTTMatcher,
  type Payload,
  type ProtocolCode,
  ProtocolError,
  type QoS,
  type RefusedCode,
  RefusedError,
  type Transport,
  type UsageCode,
  UsageError,
} from "@minimqtt/core";
