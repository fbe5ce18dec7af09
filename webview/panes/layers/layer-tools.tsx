/** Filter, grouping and columns on the left; what can be done to the chosen layers on the right. */
import { useRef } from 'preact/hooks';
import { IconButton } from '../../components/icon.tsx';
import { Popover } from '../../components/popover.tsx';
import { Icon } from '../../components/icon.tsx';
import { t, type TextKey } from '../../l10n/index.ts';
import { type ColumnId, columnIds, columns } from '../../state/columns.ts';
import { isEarly, patchView, viewState } from '../../state/store.ts';
import { layerKinds, type LayerKind } from '../../state/view-state.ts';
import { SelectionTools } from './selection-tools.tsx';

export function LayerTools() {
  const isGrouped = viewState.value.isGrouped;
  return (
    <div class="pane-tools">
      <FilterInput />
      <KindSelect />
      <IconButton
        icon={isGrouped ? 'list-tree' : 'list-flat'}
        label={isGrouped ? t('layers.flat') : t('layers.tree')}
        isPressed={isGrouped}
        onClick={() => patchView({ isGrouped: !isGrouped })}
      />
      <Popover label={t('columns.choose')} face={<Icon name="settings" />} buttonClass="icon-button">
        {() => <ColumnList />}
      </Popover>
      <SelectionTools />
    </div>
  );
}

function FilterInput() {
  const input = useRef<HTMLInputElement>(null);
  const { filter } = viewState.value;
  return (
    <div class="filter">
      <Icon name="filter" />
      <input
        ref={input}
        id="layer-filter"
        class="text-input"
        type="text"
        spellcheck={false}
        autocomplete="off"
        aria-label={t('layers.filter')}
        title={t('layers.filter.hint')}
        placeholder={t('layers.filter')}
        value={filter}
        onInput={(e) => patchView({ filter: e.currentTarget.value })}
        onKeyDown={(e) => {
          if (e.key === 'Escape') patchView({ filter: '' });
          if (e.key === 'ArrowDown') document.getElementById('layer-grid')?.focus();
        }}
      />
      {filter !== '' && (
        <IconButton
          icon="close"
          label={t('layers.clearFilter')}
          onClick={() => {
            patchView({ filter: '' });
            input.current?.focus();
          }}
        />
      )}
    </div>
  );
}

const kindTitles: Readonly<Record<LayerKind, TextKey>> = {
  all: 'kind.all',
  weights: 'kind.weights',
  changed: 'kind.changed',
  quantizable: 'kind.quantizable',
  unknown: 'kind.unknown',
};

function KindSelect() {
  const { kind } = viewState.value;
  return (
    <span class="select">
      <select
        aria-label={t('kind.label')}
        value={kind}
        disabled={isEarly.value}
        onChange={(e) => {
          const next = layerKinds.find((k) => k === e.currentTarget.value);
          if (next !== undefined) patchView({ kind: next });
        }}
      >
        {layerKinds.map((k) => (
          <option key={k} value={k} selected={k === kind}>
            {t(kindTitles[k])}
          </option>
        ))}
      </select>
      <Icon name="chevron-down" />
    </span>
  );
}

function ColumnList() {
  const { shown } = viewState.value;
  const toggle = (id: ColumnId): void =>
    patchView({ shown: columnIds.filter((c) => (c === id ? !shown.includes(c) : shown.includes(c))) });
  return (
    <div class="column-list">
      {columnIds
        .filter((id) => id !== 'name')
        .map((id) => (
          <label key={id} class="check-item">
            <input type="checkbox" checked={shown.includes(id)} onChange={() => toggle(id)} />
            {t(columns[id].title)}
          </label>
        ))}
      <button type="button" class="link" onClick={() => patchView({ widths: {} })}>
        {t('columns.resetWidths')}
      </button>
    </div>
  );
}
