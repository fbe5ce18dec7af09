/** Arrow keys among the parts of a menu or of a group of choices, as VS Code's own have it. */

const steps: Readonly<Record<string, (at: number, count: number) => number>> = {
  ArrowDown: (at, count) => (at + 1) % count,
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowUp: (at, count) => (at - 1 + count) % count,
  ArrowLeft: (at, count) => (at - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/**
 * Moves the focus to another of the enabled parts, where the key is one that does and one of them has the focus.
 * @param parts selector of the parts within the element that the listener is on
 * @returns the part that has the focus now; undefined where the key is another's
 */
export function moveFocus(event: KeyboardEvent, parts: string): HTMLElement | undefined {
  const step = steps[event.key];
  if (step === undefined || !(event.currentTarget instanceof HTMLElement)) return undefined;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(parts)].filter(
    (part) => !part.matches(':disabled'),
  );
  const at = all.findIndex((part) => part === event.target);
  const next = at < 0 ? undefined : all[step(at, all.length)];
  if (next === undefined) return undefined;
  event.preventDefault();
  event.stopPropagation();
  next.focus();
  return next;
}

/** What the Tab key can reach, in order. */
const reachable =
  'button:enabled, input:enabled, select:enabled, textarea:enabled, summary, a[href], [tabindex="0"]';

/** Keeps the Tab key inside a modal dialog: past its last part comes the first. */
export function keepTabInside(event: KeyboardEvent): void {
  if (event.key !== 'Tab' || !(event.currentTarget instanceof HTMLElement)) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>(reachable)].filter(
    (part) => part.tabIndex >= 0 && part.checkVisibility(),
  );
  const [from, to] = event.shiftKey ? [all[0], all.at(-1)] : [all.at(-1), all[0]];
  if (to === undefined || document.activeElement !== from) return;
  event.preventDefault();
  to.focus();
}
