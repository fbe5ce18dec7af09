/** What can be done to the chosen layers, at the mouse or the cursor. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { LayerRow } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { moveFocus } from '../../lib/roving.ts';
import { CommandItem } from './command-item.tsx';
import { layerCommands } from './commands.ts';

export interface MenuPlace {
  readonly x: number;
  readonly y: number;
}

export interface ContextMenuProps {
  readonly place: MenuPlace;
  readonly rows: readonly LayerRow[];
  readonly onClose: () => void;
}

export function ContextMenu({ place, rows, onClose }: ContextMenuProps) {
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = root.current;
    if (element === null) return;
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(4, Math.min(place.x, window.innerWidth - width - 4))}px`;
    element.style.top = `${Math.max(4, Math.min(place.y, window.innerHeight - height - 4))}px`;
    buttons(element)[0]?.focus();
  }, [place]);
  useEffect(() => {
    const onDown = (event: Event): void => {
      if (event.target instanceof Node && root.current?.contains(event.target) !== true) onClose();
    };
    document.addEventListener('pointerdown', onDown);
    window.addEventListener('blur', onClose);
    return () => {
      document.removeEventListener('pointerdown', onDown);
      window.removeEventListener('blur', onClose);
    };
  }, []);
  return (
    <div
      class="context-menu"
      ref={root}
      role="menu"
      aria-label={t('selection.label')}
      onKeyDown={(event) => {
        event.stopPropagation();
        if (event.key === 'Escape' || event.key === 'Tab') {
          event.preventDefault();
          onClose();
        }
        moveFocus(event, 'button');
      }}
    >
      {layerCommands.map((command) => (
        <CommandItem key={command.id} command={command} rows={rows} close={onClose} />
      ))}
    </div>
  );
}

function buttons(root: HTMLElement): HTMLButtonElement[] {
  return [...root.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')];
}
