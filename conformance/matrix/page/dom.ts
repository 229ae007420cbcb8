/// <reference lib="dom" />
/**
 * Elements in one expression.
 *
 * @module
 */

/** What an element may contain; nothing stands for null. */
export type Content = Node | string | null | readonly Content[];

/** Makes an element: its name, its classes behind dots (`span.mark.passed`), its attributes, and what is in it. */
export function h(
  selector: string,
  attributes: Readonly<Record<string, string>> = {},
  ...content: readonly Content[]
): HTMLElement {
  const [name = "div", ...classes] = selector.split(".");
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...flat(content));
  return element;
}

/** A link to a place on the page. */
export function link(
  place: string,
  selector: string,
  title: string,
  ...content: readonly Content[]
): HTMLElement {
  return h(selector, { href: `#${encodeURIComponent(place)}`, ...(title && { title }) }, ...content);
}

function flat(content: readonly Content[]): (Node | string)[] {
  return content.flatMap((part) =>
    part === null ? [] : Array.isArray(part) ? flat(part) : [part as Node | string]
  );
}
