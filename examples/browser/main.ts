/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * One page with an MQTT client: it connects by URL, subscribes, shows what comes, and publishes.
 *
 * The client lives by itself. When the broker goes away it comes back with its subscriptions; the page only shows how it
 * is.
 */

import { Client } from "@minimqtt/client";
import type { QoS, ReceivedMessage, Status } from "@minimqtt/client";
import { ws } from "@minimqtt/transport-ws";

/** Messages that stay on the page. */
const MOST = 200;

let client: Client | undefined;

on("connect", async (form) => {
  const button = form.querySelector("button")!;
  if (client) return await client.close();
  show({ state: "connecting", text: "connecting" });
  button.disabled = true;
  try {
    client = await Client.connect(text(form, "url"), { transport: ws(), connectTimeout: 5000 });
    void follow(client, button);
  } catch (error) {
    show({ state: "closed", text: "not connected" });
    throw error;
  } finally {
    button.disabled = false;
  }
});

on("subscribe", async (form) => {
  const filter = text(form, "filter");
  const subscription = await client!.subscribe(filter, { qos: 1, onMessage: add });
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.textContent = "×";
  button.ariaLabel = `Unsubscribe from ${filter}`;
  button.onclick = () => {
    item.remove();
    void subscription.unsubscribe();
  };
  item.append(filter, button);
  element("subscriptions").append(item);
});

on("publish", async (form) => {
  const qos = Number(text(form, "qos")) as QoS;
  const retain = new FormData(form).has("retain");
  await client!.publish(text(form, "topic"), text(form, "message"), { qos, retain });
});

/** Shows how the connection is, until the client has ended. */
async function follow(it: Client, button: HTMLButtonElement): Promise<void> {
  const tools = element<HTMLFieldSetElement>("tools");
  button.textContent = "Disconnect";
  tools.disabled = false;
  for await (const status of it.status()) show(status);
  client = undefined;
  button.textContent = "Connect";
  tools.disabled = true;
  element("subscriptions").replaceChildren();
}

function show({ state, text }: Pick<Status, "state" | "text">): void {
  const status = element("status");
  status.dataset["state"] = state;
  status.textContent = text;
}

/** Puts a message on top of the list. */
function add(message: ReceivedMessage): void {
  const { topic, qos, retain } = message;
  const item = element<HTMLTemplateElement>("message").content.cloneNode(true) as DocumentFragment;
  item.querySelector("b")!.textContent = topic;
  item.querySelector("span")!.textContent = `QoS ${qos}${retain ? ", retained" : ""}`;
  item.querySelector("time")!.textContent = new Date().toLocaleTimeString();
  item.querySelector("pre")!.textContent = message.text();
  const list = element("messages");
  list.prepend(item);
  if (list.children.length > MOST) list.lastElementChild!.remove();
}

/** Does something when a form is sent, and shows what went wrong. */
function on(id: string, run: (form: HTMLFormElement) => Promise<void>): void {
  const form = element<HTMLFormElement>(id);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const problem = element("problem");
    problem.hidden = true;
    try {
      await run(form);
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
    }
  };
}

function text(form: HTMLFormElement, name: string): string {
  return String(new FormData(form).get(name) ?? "");
}

function element<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

// `?broker=ws://host:port` fills the form in.
const url = element("connect").querySelector("input")!;
url.value = new URLSearchParams(location.search).get("broker") ?? url.placeholder;
