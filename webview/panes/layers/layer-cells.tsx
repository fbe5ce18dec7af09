/** What each column shows of a layer. */
import type { ComponentChildren, JSX } from 'preact';
import type { LayerRow } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { Percent } from '../../components/change.tsx';
import { t } from '../../l10n/index.ts';
import { decibels, sharePercent } from '../../lib/quantity.ts';
import type { ColumnId } from '../../state/columns.ts';
import { allWeights, largestOf, type Item } from '../../state/rows.ts';
import { Name } from './name-cell.tsx';

export type LayerItem = Item & { readonly kind: 'layer' };

export const layerCells: Readonly<Record<ColumnId, (item: LayerItem) => JSX.Element | null>> = {
  name: (item) => <Name item={item} />,
  op: ({ row }) => <span title={row.opType}>{row.opType}</span>,
  shape: ({ row }) => <Shape row={row} />,
  type: ({ row }) => <span class="muted">{row.outputType}</span>,
  weights: ({ row }) => <Weights row={row} />,
  share: ({ row }) => (
    <>{row.parameterBytes === 0 ? <Zero /> : sharePercent(row.parameterBytes, allWeights.value)}</>
  ),
  activations: ({ row }) => <Activations row={row} />,
  macs: ({ row }) => (
    <Bar of={row.macs} largest={largestOf.value.macs} tone="macs">
      {row.macs === 0 ? <Zero /> : <Amount value={row.macs} kind="count" hint={row.unknown} />}
    </Bar>
  ),
  sqnr: ({ row }) => <>{decibels(row.sqnrDb)}</>,
  nodes: ({ row }) => <>{row.nodes?.length ?? ''}</>,
};

function Shape({ row }: { readonly row: LayerRow }) {
  if (row.outputShape === '') {
    return (
      <span class="unknown" title={row.unknown ?? t('unknown.hint')}>
        {t('unknown')}
      </span>
    );
  }
  const was = row.change?.status === 'applied' ? row.change.beforeShape : undefined;
  return (
    <span title={`${row.outputShape} · ${row.outputType}`}>
      {was === undefined || was === row.outputShape ? (
        row.outputShape
      ) : (
        <Dims before={was} after={row.outputShape} />
      )}
    </span>
  );
}

const times = ' × ';

/** What was in a dim that changed stands struck out before what is: `8 × 64 32 × 28 × 28`. */
function Dims({ before, after }: { readonly before: string; readonly after: string }) {
  const was = before.split(times);
  return (
    <>
      {after.split(times).map((dim, i) => (
        <span key={i}>
          {i > 0 && times}
          {was[i] !== dim && was[i] !== undefined && <span class="before">{was[i]}</span>}
          {dim}
        </span>
      ))}
    </>
  );
}

function Weights({ row }: { readonly row: LayerRow }) {
  const { change } = row;
  const before =
    change?.status === 'applied' && change.beforeBytes !== row.parameterBytes
      ? change.beforeBytes
      : undefined;
  return (
    <Bar of={row.parameterBytes} was={before} largest={largestOf.value.weights} tone="weights">
      {before !== undefined && (
        <>
          <span class="before">
            <Amount value={before} />
          </span>
          <Percent before={before} after={row.parameterBytes} />{' '}
        </>
      )}
      {row.parameterBytes === 0 ? <Zero /> : <Amount value={row.parameterBytes} />}
    </Bar>
  );
}

function Activations({ row }: { readonly row: LayerRow }) {
  const was = row.change?.beforeActivationBytes;
  return (
    <Bar of={row.activationBytes} largest={largestOf.value.activations} tone="activations">
      {was !== undefined && was !== row.activationBytes && (
        <span class="before">
          <Amount value={was} />{' '}
        </span>
      )}
      <Amount
        value={row.activationBytes}
        hint={row.activationBytes === undefined ? row.unknown : undefined}
      />
    </Bar>
  );
}

function Zero() {
  return <span class="zero">–</span>;
}

interface BarProps {
  readonly of: number | undefined;
  readonly was?: number | undefined;
  readonly largest: number;
  readonly tone: 'weights' | 'activations' | 'macs';
  readonly children: ComponentChildren;
}

function Bar({ of, was, largest, tone, children }: BarProps) {
  const width = (value: number): string => `${largest === 0 ? 0 : (100 * value) / largest}%`;
  return (
    <>
      {was !== undefined && <span class={`cell-bar was cause-${tone}`} style={{ width: width(was) }} />}
      <span class={`cell-bar cause-${tone}`} style={{ width: width(of ?? 0) }} />
      {children}
    </>
  );
}
