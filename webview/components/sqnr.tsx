/** How much of a layer's weight is left, or why that is not known. */
import type { LayerRow } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { decibels } from '../lib/quantity.ts';

interface SqnrText {
  readonly content: string;
  readonly title?: string;
  readonly class?: string;
}

export function sqnrText({ sqnrDb, sqnrUnknown }: LayerRow): SqnrText {
  if (sqnrUnknown !== undefined)
    return { class: 'unknown', title: t('sqnr.needsData.hint'), content: t('sqnr.needsData') };
  if (sqnrDb === 'inf') return { title: t('sqnr.exact.hint'), content: t('sqnr.exact') };
  return { content: decibels(sqnrDb) };
}

export function Sqnr({ row }: { readonly row: LayerRow }) {
  const { content, ...attributes } = sqnrText(row);
  return <span {...attributes}>{content}</span>;
}
