/** Keys that mean the page where no part of it has the focus, as after the file was opened; and its search. */
import { viewState } from './state/store.ts';

const intoTable: ReadonlySet<string> = new Set(['ArrowDown', 'ArrowUp', 'Home', 'End', 'PageDown', 'PageUp']);

export function listenForKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]') !== null) return;
    const target = isSearch(event) ? searchBox() : intoTable.has(event.key) && isNowhere() ? grid() : null;
    if (target === null) return;
    event.preventDefault();
    event.stopPropagation();
    // first, so that the table takes it from where it was
    if (!(target instanceof HTMLInputElement))
      target.dispatchEvent(new KeyboardEvent('keydown', { key: event.key }));
    target.focus();
    if (target instanceof HTMLInputElement) target.select();
  });
}

function isSearch({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean {
  return (ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === 'f';
}

function isNowhere(): boolean {
  return document.activeElement === null || document.activeElement === document.body;
}

const grid = (): HTMLElement | null => document.getElementById('layer-grid');

/** That of the graph or of the layers; null where what is shown has none. */
function searchBox(): HTMLElement | null {
  const { tab } = viewState.peek();
  if (tab !== 'graph' && tab !== 'layers') return null;
  return document.getElementById(tab === 'graph' ? 'graph-search' : 'layer-filter');
}
