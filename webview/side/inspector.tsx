/** The layer at the cursor, in full. */
import { useEffect, useState } from 'preact/hooks';
import type { LayerRow } from '../../src/protocol.ts';
import { Change } from '../components/change.tsx';
import { Icon } from '../components/icon.tsx';
import { Sqnr } from '../components/sqnr.tsx';
import { t } from '../l10n/index.ts';
import { host, messageOf } from '../state/host.ts';
import { cursor, estimate, layerById } from '../state/store.ts';
import { layerCommands } from '../panes/layers/commands.ts';
import { WeightSpread } from './weight-spread.tsx';

export function Inspector() {
  const row = layerById.value.get(cursor.value ?? '');
  if (row === undefined) {
    return <p class="muted side-hint">{t('inspector.empty')}</p>;
  }
  return <LayerFacts key={row.id} row={row} />;
}

type Facts = readonly { readonly label: string; readonly value: string }[];

function LayerFacts({ row }: { readonly row: LayerRow }) {
  const { facts, error } = useFacts(row.id);
  return (
    <div class="inspector">
      <h4 title={row.name}>
        <span class="inspector-name">{row.name}</span>
        <span class="op-tag">{row.opType}</span>
      </h4>
      {row.change !== undefined && <ChangeLine change={row.change} />}
      {(row.sqnrDb !== undefined || row.sqnrUnknown !== undefined) && (
        <p class="muted">
          {t('inspector.sqnr')}: <Sqnr row={row} />
        </p>
      )}
      <Buttons row={row} />
      {error !== undefined && (
        <p class="error-text" role="alert">
          {error}
        </p>
      )}
      <dl class="fact-list" aria-busy={facts === undefined}>
        {(facts ?? []).map((fact, i) => (
          <div key={i}>
            <dt>{fact.label}</dt>
            <dd>
              <FactValue value={fact.value} />
            </dd>
          </div>
        ))}
      </dl>
      {row.parameterBytes > 0 && <WeightSpread layerId={row.id} />}
      {!row.canQuantize && !row.canPrune && row.blocked !== undefined && (
        <p class="muted side-hint">
          <Icon name="info" /> {row.blocked}
        </p>
      )}
    </div>
  );
}

function ChangeLine({ change }: { readonly change: NonNullable<LayerRow['change']> }) {
  return (
    <p class={`change-line ${change.status}`}>
      <Icon name={change.status === 'blocked' ? 'warning' : 'circle-filled'} />
      <span>
        {change.label}
        {change.status === 'blocked' ? (
          <span class="muted"> {change.reason}</span>
        ) : (
          <span class="change-figures">
            <Change before={change.beforeBytes} after={change.afterBytes} />
          </span>
        )}
      </span>
    </p>
  );
}

function Buttons({ row }: { readonly row: LayerRow }) {
  return (
    <div class="inspector-actions">
      {layerCommands
        .filter((c) => ['quantize', 'prune', 'revert', 'text'].includes(c.id))
        .filter((c) => c.blocked([row]) === undefined)
        .map((command) => (
          <button
            key={command.id}
            type="button"
            class="button secondary small"
            title={t(command.hint)}
            onClick={() => command.run([row])}
          >
            {t(command.title)}
          </button>
        ))}
    </div>
  );
}

const shortValue = 110;

/** Formulas and lists of nodes may be very long: their beginning tells most. */
function FactValue({ value }: { readonly value: string }) {
  const [isOpen, setOpen] = useState(false);
  if (value.length <= shortValue || isOpen) return <>{value}</>;
  return (
    <>
      {value.slice(0, shortValue)}…{' '}
      <button type="button" class="link" onClick={() => setOpen(true)}>
        {t('showAll')}
      </button>
    </>
  );
}

/** Asked anew whenever the figures change; the facts shown last stay until the new ones are there. */
function useFacts(id: string): { readonly facts: Facts | undefined; readonly error: string | undefined } {
  const [state, setState] = useState<{ facts?: Facts; error?: string }>({});
  const current = estimate.value;
  useEffect(() => {
    let isStale = false;
    host()
      .describeLayer(id)
      .then(
        (facts) => {
          if (!isStale) setState({ facts });
        },
        (error: unknown) => {
          if (!isStale) setState({ error: messageOf(error) });
        },
      );
    return () => {
      isStale = true;
    };
  }, [id, current]);
  return { facts: state.facts, error: state.error };
}
