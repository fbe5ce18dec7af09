/** What each column shows of a layer. */
import type { ComponentChildren } from 'preact';
import type { LayerRow } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { Percent } from '../../components/change.tsx';
import { Missing } from '../../components/missing.tsx';
import { sqnrText } from '../../components/sqnr.tsx';
import { t } from '../../l10n/index.ts';
import { sharePercent } from '../../lib/quantity.ts';
import type { ColumnId } from '../../state/columns.ts';
import { allWeights, type Item } from '../../state/rows.ts';
import { isEarly } from '../../state/store.ts';
import { weightsBefore } from './bars.ts';
import { type Face, figure, zero } from './cell.tsx';
import { nameFace } from './name-cell.tsx';

export type LayerItem = Item & { readonly kind: 'layer' };

export function layerCell(id: ColumnId, item: LayerItem, hasActions: boolean): Face {
  return id === 'name' ? nameFace(item, hasActions) : faces[id](item.row);
}

const early: Face = { content: <Missing /> };

const faces: Readonly<Record<Exclude<ColumnId, 'name'>, (row: LayerRow) => Face>> = {
  op: (row) => ({ content: row.opType, title: () => row.opType }),
  shape: shapeFace,
  type: (row) => ({ content: row.outputType, class: 'muted' }),
  weights: weightsFace,
  share: (row) =>
    row.parameterBytes === 0 ? zero : { content: sharePercent(row.parameterBytes, allWeights.value) },
  activations: activationsFace,
  macs: (row) => (row.macs === 0 ? zero : figure(row.macs, { kind: 'count', hint: row.unknown })),
  sqnr: sqnrText,
  nodes: (row) => (isEarly.value ? early : { content: row.nodes?.length }),
};

function shapeFace(row: LayerRow): Face {
  if (row.outputShape === '') {
    if (isEarly.value) return early;
    return { class: 'unknown', title: row.unknown ?? t('unknown.hint'), content: t('unknown') };
  }
  const was = row.change?.status === 'applied' ? row.change.beforeShape : undefined;
  return {
    title: () => `${row.outputShape} · ${row.outputType}`,
    content:
      was === undefined || was === row.outputShape ? row.outputShape : changedDims(was, row.outputShape),
  };
}

const times = ' × ';

/** What was in a dim that changed stands struck out before what is: `8 × 64 32 × 28 × 28`. */
function changedDims(before: string, after: string): ComponentChildren {
  const was = before.split(times);
  return after.split(times).map((dim, i) => (
    <span key={i}>
      {i > 0 && times}
      {was[i] !== dim && was[i] !== undefined && <span class="before">{was[i]}</span>}
      {dim}
    </span>
  ));
}

function weightsFace(row: LayerRow): Face {
  const { parameterBytes } = row;
  const was = weightsBefore(row);
  if (was === undefined) return parameterBytes === 0 ? zero : figure(parameterBytes, { lead: sameSize(row) });
  const lead = (
    <>
      <span class="before">
        <Amount value={was} />
      </span>
      <Percent before={was} after={parameterBytes} />{' '}
    </>
  );
  return figure(parameterBytes, { lead });
}

/** What became of weights that take as much as before: zeros, say. */
function sameSize({ change }: LayerRow): ComponentChildren {
  return change?.status === 'applied' ? <span class="muted same-size">{change.label}</span> : undefined;
}

function activationsFace(row: LayerRow): Face {
  const { activationBytes } = row;
  const was = row.change?.beforeActivationBytes;
  const lead =
    was === undefined || was === activationBytes ? undefined : (
      <span class="before">
        <Amount value={was} />
      </span>
    );
  return figure(activationBytes, {
    hint: activationBytes === undefined ? row.unknown : undefined,
    lead,
  });
}
