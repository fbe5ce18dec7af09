/** Rows of one height, of which only those in view exist as elements. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useLayoutEffect, useReducer, useState } from 'preact/hooks';

export interface VirtualOptions {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly count: number;
  readonly rowHeight: number;
  /** Height of the sticky header that lies over the top of the scroller. */
  readonly headerHeight: number;
}

export interface VirtualRows {
  readonly virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  /**
   * Key of a row's element. The elements of rows that leave are used for those that come: never two at a time have
   * one key, and however far one scrolls the keys are the same.
   */
  readonly slotOf: (index: number) => number;
}

const overscan = 2;

export function useVirtualRows({ scroller, count, rowHeight, headerHeight }: VirtualOptions): VirtualRows {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    scrollMargin: headerHeight,
    scrollPaddingStart: headerHeight,
    overscan,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(0),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  useLayoutEffect(() => virtualizer.measure(), [rowHeight, headerHeight]);
  const height = virtualizer.scrollRect?.height ?? window.innerHeight;
  const slots = Math.ceil(height / rowHeight) + 2 * overscan + 2;
  return { virtualizer, slotOf: (index) => index % slots };
}
