/** Under the graph: the tensors of the part at the cursor, each to be followed to its other ends. */
import { Amount } from '../../components/amount.tsx';
import { Icon } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import { layerById } from '../../state/store.ts';
import { follow, goTo } from './actions.ts';
import type { Neighbour } from './neighbours.ts';
import type { Part } from './parts.ts';
import { followed, neighbours, partAt } from './state.ts';

export function TensorLists() {
  const part = partAt.value;
  if (part === undefined) return <p class="graph-hint muted">{t('graph.hint')}</p>;
  const { incoming, outgoing } = neighbours.value;
  return (
    <div class="tensor-lists">
      <TensorList side="in" list={incoming} />
      <TensorList side="out" list={outgoing} />
    </div>
  );
}

/** More are listed in the text view. */
const mostListed = 60;
const mostEnds = 8;

const sides = {
  in: { title: 'graph.in', icon: 'arrow-left' },
  out: { title: 'graph.out', icon: 'arrow-right' },
} as const;

interface TensorListProps {
  readonly side: keyof typeof sides;
  readonly list: readonly Neighbour[];
}

function TensorList({ side, list }: TensorListProps) {
  const { title, icon } = sides[side];
  return (
    <section aria-label={t(title, { n: list.length })}>
      <h2>{t(title, { n: list.length })}</h2>
      <ul>
        {list.slice(0, mostListed).map(({ index, tensor, ends }) => (
          <li key={index}>
            <button
              type="button"
              class="tensor-name link"
              aria-pressed={followed.value === index}
              title={t('graph.follow')}
              onClick={() => follow(index)}
            >
              {tensor.name}
            </button>
            <Amount value={tensor.bytes} />
            <span class="ends">
              <Icon name={icon} />
              {ends.slice(0, mostEnds).map((end) => (
                <End key={end.key} end={end} />
              ))}
              {ends.length > mostEnds && <span class="muted">… {ends.length}</span>}
            </span>
          </li>
        ))}
      </ul>
      {list.length > mostListed && <p class="muted">{t('graph.more', { n: list.length - mostListed })}</p>}
    </section>
  );
}

/** A node's own name is short and common: its layer's tells it from others. */
function nameOf({ kind, label, layerId }: Part): string {
  const layer = layerById.value.get(layerId ?? '')?.name;
  if (layer === undefined) return label;
  return kind === 'node' ? `${layer} › ${label}` : layer;
}

function End({ end }: { readonly end: Part }) {
  return (
    <button type="button" class="link" title={t('graph.goTo')} onClick={() => goTo(end)}>
      {nameOf(end)}
    </button>
  );
}
