/**
 * The walkthrough: connects, subscribes, publishes, gets its own message, unsubscribes, disconnects.
 *
 * The same file runs on Deno, Bun and Node. Settings come from settings.toml and the environment: see settings.ts.
 */
import { MQTT, setSocket } from "@minimqtt/client";
import { connectRadio } from "./radio.ts";
import { readSettings } from "./settings.ts";
import { transportFor } from "./transport.ts";

const settings = readSettings();
const topic = settings.topic;

// Define callback methods which are called when events occur.

function connect(_client: MQTT, _userdata: unknown, flags: number, rc: number): void {
  // Called when the client is connected successfully to the broker.
  console.log("Connected to MQTT Broker!");
  console.log(`Flags: ${flags}\n RC: ${rc}`);
}

function disconnect(_client: MQTT, _userdata: unknown, _rc: number): void {
  // Called when the client is disconnected.
  console.log("Disconnected from MQTT Broker!");
}

function subscribe(_client: MQTT, _userdata: unknown, topic: string, grantedQos: number): void {
  // Called when the client has subscribed to a new topic.
  console.log(`Subscribed to ${topic} with QOS level ${grantedQos}`);
}

function unsubscribe(_client: MQTT, _userdata: unknown, topic: string, pid: number): void {
  // Called when the client has unsubscribed from a topic.
  console.log(`Unsubscribed from ${topic} with PID ${pid}`);
}

function publish(_client: MQTT, _userdata: unknown, topic: string, pid: number): void {
  // Called when the client has published to a topic.
  console.log(`Published to ${topic} with PID ${pid}`);
}

function message(_client: MQTT, topic: string, message: string): void {
  // Called when a message arrives on a topic the client is subscribed to.
  console.log(`New message on topic ${topic}: ${message}`);
}

// The network of this machine, or that of a co-processor.
const radio = settings.radio && await connectRadio(settings.radio);
if (!radio) setSocket(transportFor(settings.broker, settings.ca));

// Set up a client, and attach the callback methods to it.
const client = new MQTT({
  broker: settings.broker,
  port: settings.port,
  username: settings.username,
  password: settings.password,
});
client.onConnect = connect;
client.onDisconnect = disconnect;
client.onSubscribe = subscribe;
client.onUnsubscribe = unsubscribe;
client.onPublish = publish;
client.onMessage = message;

console.log(`Attempting to connect to ${client.broker}`);
await client.connect();

console.log(`Subscribing to ${topic}`);
await client.subscribe(topic);

console.log(`Publishing to ${topic}`);
await client.publish(topic, "Hello Broker!");

// Messages arrive while the client is asked for them.
await client.loop();

console.log(`Unsubscribing from ${topic}`);
await client.unsubscribe(topic);

console.log(`Disconnecting from ${client.broker}`);
await client.disconnect();
await radio?.close();
