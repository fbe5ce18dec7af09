/** Reports of the runner: does the compressed model still answer right, how fast, in how much memory. */
import { useState } from 'preact/hooks';
import type { CheckView } from '../../../src/protocol.ts';
import { Icon } from '../../components/icon.tsx';
import { CheckButton } from '../../components/check-button.tsx';
import { Popover } from '../../components/popover.tsx';
import { language, t } from '../../l10n/index.ts';
import { compareLayers, saveReport } from '../../state/runs.ts';
import { checks, isTrusted, layerErrors } from '../../state/store.ts';
import { CheckReport } from './check-report.tsx';
import { savePlots } from './export.ts';
import { LayerErrors } from './layer-errors.tsx';

export function ChecksPane() {
  const list = checks.value;
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const [besideId, setBeside] = useState('');
  const view = list.find((c) => c.id === chosen) ?? list[0];
  if (view === undefined && layerErrors.value === undefined) return <Empty />;
  const others = list.filter((c) => c.id !== view?.id);
  const earlier = others.find((c) => c.id === besideId);
  return (
    <>
      <div class="pane-tools">
        {list.length > 1 && view !== undefined ? (
          <Select label={t('checks.which')} value={view.id} onChange={setChosen} of={list} />
        ) : (
          <span class="muted">{view === undefined ? '' : reportTitle(view)}</span>
        )}
        {others.length > 0 && (
          <>
            <span class="muted" aria-hidden="true">
              {t('checks.compareWith')}
            </span>
            <Select
              label={t('checks.compareWith')}
              value={earlier?.id ?? ''}
              none={t('checks.compareWith.none')}
              onChange={setBeside}
              of={others}
            />
          </>
        )}
        <button
          type="button"
          class="button secondary"
          disabled={!isTrusted.value}
          title={isTrusted.value ? t('checks.whereError.hint') : t('action.check.untrusted')}
          onClick={compareLayers}
        >
          <Icon name="search" /> {t('checks.whereError')}
        </button>
        {view !== undefined && <Save view={view} />}
      </div>
      {view === undefined ? (
        <div class="checks">
          <LayerErrors />
        </div>
      ) : (
        <CheckReport view={view} earlier={earlier} />
      )}
    </>
  );
}

function reportTitle({ id, title, at }: CheckView): string {
  const when = new Date(at).toLocaleString(language(), { dateStyle: 'short', timeStyle: 'short' });
  return t('checks.numbered', { n: Number(id), title: `${title}, ${when}` });
}

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly none?: string;
  readonly onChange: (id: string) => void;
  readonly of: readonly CheckView[];
}

function Select({ label, value, none, onChange, of }: SelectProps) {
  return (
    <span class="select">
      <select
        aria-label={label}
        title={label}
        value={value}
        onChange={(e) => onChange(e.currentTarget.value)}
      >
        {none !== undefined && (
          <option value="" selected={value === ''}>
            {none}
          </option>
        )}
        {of.map((check) => (
          <option key={check.id} value={check.id} selected={check.id === value}>
            {reportTitle(check)}
          </option>
        ))}
      </select>
      <Icon name="chevron-down" />
    </span>
  );
}

function Save({ view }: { readonly view: CheckView }) {
  const ways = [
    ['Markdown', () => saveReport(view.id, 'markdown')],
    ['JSON', () => saveReport(view.id, 'json')],
    ['PNG', () => savePlots(view)],
  ] as const;
  return (
    <Popover face={<Icon name="save" />} label={t('checks.save')} buttonClass="icon-button">
      {(close) =>
        ways.map(([kind, save]) => (
          <button
            key={kind}
            type="button"
            class="button secondary"
            onClick={() => {
              close();
              void save();
            }}
          >
            {t('graph.saveAs', { kind })}
          </button>
        ))
      }
    </Popover>
  );
}

function Empty() {
  return (
    <div class="empty">
      <Icon name="beaker" />
      <p class="empty-text">{t('checks.empty')}</p>
      <CheckButton />
    </div>
  );
}
