/** What each column shows of a group of layers: its name with the twistie, and totals. */
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import type { ColumnId } from '../../state/columns.ts';
import type { Item } from '../../state/rows.ts';
import { isEarly } from '../../state/store.ts';
import { toggleGroup } from '../../state/selecting.ts';
import { emptyFace, type Face, figure } from './cell.tsx';
import { indentOf } from './name-cell.tsx';

type GroupItem = Item & { readonly kind: 'group' };

export function groupCell(id: ColumnId, item: GroupItem): Face {
  const { totals } = item.group;
  // sums of figures that are yet to come
  const known = (sum: number): number | undefined => (isEarly.value ? undefined : sum);
  switch (id) {
    case 'name':
      return nameFace(item);
    case 'weights':
      return figure(totals.parameterBytes);
    case 'activations':
      return figure(known(totals.activationBytes), { isAtLeast: totals.isAtLeast });
    case 'macs':
      return figure(known(totals.macs), { kind: 'count' });
    default:
      return emptyFace;
  }
}

function nameFace({ depth, isOpen, group }: GroupItem): Face {
  return {
    class: 'name',
    indent: indentOf(depth, true),
    content: (
      <>
        <button
          type="button"
          class="twistie"
          tabIndex={-1}
          aria-label={t(isOpen ? 'group.close' : 'group.open')}
          onClick={(e) => {
            e.stopPropagation();
            toggleGroup(group.path);
          }}
        >
          <Icon name={isOpen ? 'chevron-down' : 'chevron-right'} />
        </button>
        <span class="leaf">{group.label}</span>
        <span class="muted group-count">{group.rows.length}</span>
      </>
    ),
  };
}
