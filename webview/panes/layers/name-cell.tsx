/** The name of a layer with what marks it, and what can be done to it. */
import type { LayerRow } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import type { Face } from './cell.tsx';
import { commandById } from './commands.ts';
import type { LayerItem } from './layer-cells.tsx';

const twistieWidth = 16;
const cellPadding = 8;

/** Pixels before the name: of a member more than of its group, and the place of a twistie more where it has none. */
export function indentOf(depth: number, hasTwistie: boolean): number {
  return cellPadding + depth * 12 + (hasTwistie || depth === 0 ? 0 : twistieWidth);
}

export function nameFace({ row, label, depth }: LayerItem, hasActions: boolean): Face {
  const at = label.lastIndexOf('/', label.length - 2) + 1;
  return {
    class: 'name',
    title: () => row.name,
    indent: indentOf(depth, false),
    content: (
      <>
        {row.change !== undefined && <ChangeMark change={row.change} />}
        {at > 0 && <span class="path">{label.slice(0, at)}</span>}
        <span class="leaf">{label.slice(at)}</span>
        {row.unknown !== undefined && (
          <span
            class="codicon codicon-question mark"
            role="img"
            title={row.unknown}
            aria-label={row.unknown}
          />
        )}
        {hasActions && <RowActions row={row} />}
      </>
    ),
  };
}

function ChangeMark({ change }: { readonly change: NonNullable<LayerRow['change']> }) {
  const text = change.status === 'blocked' ? `${change.label}: ${change.reason ?? ''}` : change.label;
  return (
    <span
      class={`codicon codicon-${change.status === 'blocked' ? 'warning' : 'circle-filled'} mark ${change.status}`}
      role="img"
      title={text}
      aria-label={text}
    />
  );
}

/** Only the row under the mouse and the one at the cursor have them. */
function RowActions({ row }: { readonly row: LayerRow }) {
  const ids = row.change === undefined ? ['quantize', 'prune'] : ['quantize', 'prune', 'revert'];
  return (
    <span class="row-actions">
      {ids.map((id) => {
        const command = commandById(id);
        if (command?.blocked([row]) !== undefined || command === undefined) return null;
        return (
          <button
            key={id}
            type="button"
            class="icon-button"
            tabIndex={-1}
            aria-label={`${t(command.title)}: ${row.name}`}
            title={t(command.title)}
            onClick={(e) => {
              e.stopPropagation();
              command.run([row]);
            }}
          >
            <Icon name={command.icon} />
          </button>
        );
      })}
    </span>
  );
}
