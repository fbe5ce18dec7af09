/** A button that opens a small panel under itself; Escape, a click elsewhere and the focus moving on close it. */
import type { ComponentChildren } from 'preact';
import { moveFocus } from '../lib/roving.ts';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface PopoverProps {
  /** What the button shows. */
  readonly face: ComponentChildren;
  /** Name of the panel, and of the button. */
  readonly label: string;
  /** Where the face is text: that text, which the button's name then ends in. */
  readonly faceText?: string;
  readonly class?: string;
  readonly buttonClass?: string;
  readonly children: (close: () => void) => ComponentChildren;
}

export function Popover({ face, label, faceText, class: extra, buttonClass, children }: PopoverProps) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return undefined;
    const onDown = (event: Event): void => {
      if (event.target instanceof Node && root.current?.contains(event.target) !== true) setOpen(false);
    };
    document.addEventListener('pointerdown', onDown);
    document.addEventListener('focusin', onDown);
    return () => {
      document.removeEventListener('pointerdown', onDown);
      document.removeEventListener('focusin', onDown);
    };
  }, [isOpen]);
  return (
    <div
      class={`popover ${extra ?? ''}`}
      ref={root}
      onKeyDown={(e) => e.key === 'Escape' && isOpen && close()}
    >
      <button
        type="button"
        ref={button}
        class={buttonClass ?? 'select-face'}
        aria-label={faceText === undefined ? label : `${label}: ${faceText}`}
        title={label}
        aria-haspopup="dialog"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        {face}
      </button>
      {isOpen && (
        <Panel id={id} label={label}>
          {children(close)}
        </Panel>
      )}
    </div>
  );
}

interface PanelProps {
  readonly id: string;
  readonly label: string;
  readonly children: ComponentChildren;
}

function Panel({ id, label, children }: PanelProps) {
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = panel.current;
    if (element === null) return;
    // Kept inside the page, whatever the button's place.
    const over = element.getBoundingClientRect().right - document.documentElement.clientWidth + 8;
    if (over > 0) element.style.marginLeft = `${-over}px`;
    const first = element.querySelector<HTMLElement>('[aria-checked=true], button:enabled, input:enabled');
    (first ?? element).focus();
  }, []);
  return (
    <div
      class="popover-panel"
      id={id}
      ref={panel}
      role="dialog"
      aria-label={label}
      tabIndex={-1}
      onKeyDown={(event) => moveFocus(event, '.menu-item')}
    >
      {children}
    </div>
  );
}
