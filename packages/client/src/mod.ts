/**
 * MQTT clients for Deno, Bun, Node and the browser: {@link MQTT} with the API of CircuitPython's MiniMQTT, and
 * {@link Client} that runs by itself.
 *
 * @module
 */
export { Client, type PublishedMessage } from "./client/client.ts";
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
  SubscribingOptions,
} from "./client/options.ts";
export type { Clock } from "./link/clock.ts";
export * from "./mqtt/constants.ts";
export { setSocket } from "./mqtt/default_transport.ts";
export { MMQTTException, MMQTTStateError } from "./mqtt/exceptions.ts";
export {
  type ForeignLogger,
  type LogDetails,
  type Logger,
  type LoggerPackage,
  NullLogger,
} from "./mqtt/logger.ts";
export { MQTT, type OnMessage } from "./mqtt/mqtt.ts";
export type {
  CallOptions,
  ConnectArguments,
  MQTTOptions,
  PublishArguments,
  Received,
  SubscribeArguments,
  Subscriptions,
} from "./mqtt/options.ts";
export type { MessageInput } from "./link/payload.ts";
export type { Credentials, CredentialsSource } from "./client/dialler.ts";
export type { ReceivedMessage } from "./client/received_message.ts";
export type { Unsent } from "./client/sender.ts";
export type { Status } from "./client/status.ts";
export type { MessageStream, Subscription, SubscriptionStream } from "./client/subscription.ts";
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
