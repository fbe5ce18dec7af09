/** Each changed layer: what was done, its figures before and after, and the way back. */
import type { LayerRow } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { Percent } from '../../components/change.tsx';
import { IconButton } from '../../components/icon.tsx';
import { t } from '../../l10n/index.ts';
import { revertLayers, selectLayer } from '../../state/actions.ts';
import { isReadOnly } from '../../state/store.ts';

export function ChangedLayers({ rows }: { readonly rows: readonly LayerRow[] }) {
  if (rows.length === 0) return <p class="muted">{t('compare.noLayers')}</p>;
  return (
    <div class="table-scroll" tabIndex={0} role="group" aria-label={t('compare.layers')}>
      <table class="plain changed-layers">
        <thead>
          <tr>
            <th scope="col">{t('column.name')}</th>
            <th scope="col">{t('column.op')}</th>
            <th scope="col">{t('compare.change')}</th>
            <th scope="col" class="numeric" colSpan={3}>
              {t('column.weights')}
            </th>
            <th scope="col" class="numeric" colSpan={2}>
              {t('column.activations')}
            </th>
            <td />
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <ChangedLayer key={row.id} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ChangedLayer({ row }: { readonly row: LayerRow }) {
  const { change } = row;
  if (change === undefined) return null;
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="link"
          title={t('timeline.toLayer')}
          onClick={() => selectLayer(row.id, { showTable: true })}
        >
          {row.name}
        </button>
      </th>
      <td>{row.opType}</td>
      {change.status === 'blocked' ? (
        <td colSpan={6} class="blocked-reason">
          <span class="codicon codicon-warning" role="img" aria-label={t('compare.blocked')} /> {change.label}
          : {change.reason}
        </td>
      ) : (
        <>
          <td>{change.label}</td>
          <td class="numeric before">
            <Amount value={change.beforeBytes} />
          </td>
          <td class="numeric">
            <Amount value={change.afterBytes} />
          </td>
          <td class="numeric">
            <Percent before={change.beforeBytes} after={change.afterBytes} />
          </td>
          <td class="numeric before">
            {change.beforeActivationBytes !== row.activationBytes && (
              <Amount value={change.beforeActivationBytes} />
            )}
          </td>
          <td class="numeric">
            <Amount value={row.activationBytes} hint={row.unknown} />
          </td>
        </>
      )}
      <td class="row-end">
        <IconButton
          icon="discard"
          label={`${t('action.revert')}: ${row.name}`}
          isDisabled={isReadOnly.value}
          onClick={() => void revertLayers([row.id])}
        />
      </td>
    </tr>
  );
}
