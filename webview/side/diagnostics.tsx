/** What is wrong or wasteful in the model. */
import type { ModelView } from '../../src/protocol.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { openTextView, selectLayer } from '../state/actions.ts';
import { layers } from '../state/store.ts';

const icons = { error: 'error', warning: 'warning', info: 'info' } as const;

export function Diagnostics({ list }: { readonly list: ModelView['diagnostics'] }) {
  return (
    <ul class="diagnostics">
      {list.map((d, i) => (
        <li key={i} class={d.severity}>
          <Icon name={icons[d.severity]} />
          <span>
            {d.message}
            {d.node !== undefined && <NodeLink node={d.node} />}
          </span>
        </li>
      ))}
    </ul>
  );
}

function NodeLink({ node }: { readonly node: string }) {
  const layer = layers.value.find((l) => l.id === node || l.nodes?.includes(node) === true);
  return (
    <button
      type="button"
      class="link"
      title={t('action.goToText.hint')}
      onClick={() => {
        if (layer === undefined) void openTextView(node);
        else selectLayer(layer.id, { showTable: true });
      }}
    >
      {node}
    </button>
  );
}
