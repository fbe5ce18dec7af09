/** What can be done to layers, in toolbar, row and context menu alike: one list. */
import type { LayerRow } from '../../../src/protocol.ts';
import { t, type TextKey } from '../../l10n/index.ts';
import { copyRows, type CopyFormat } from '../../lib/copy.ts';
import { copyText, measureSqnr, openTextView, revertLayers } from '../../state/actions.ts';
import { columns } from '../../state/columns.ts';
import { startPrune, startQuantize } from '../../state/draft.ts';
import { estimate, isEarly, isReadOnly, layers, selection, viewState } from '../../state/store.ts';

export interface LayerCommand {
  readonly id: string;
  readonly icon: string;
  readonly title: TextKey;
  readonly hint: TextKey;
  readonly isInToolbar: boolean;
  /** Why it cannot be done to these layers; undefined where it can. */
  readonly blocked: (rows: readonly LayerRow[]) => string | undefined;
  readonly run: (rows: readonly LayerRow[]) => void;
}

const idsOf = (rows: readonly LayerRow[]): readonly string[] => rows.map((row) => row.id);

/** The first layer's own reason says most; several chosen layers may have several. */
function unless(
  rows: readonly LayerRow[],
  isPossible: (row: LayerRow) => boolean,
  otherwise: TextKey,
): string | undefined {
  if (rows.length === 0) return t('blocked.noSelection');
  if (isEarly.value) return t('working');
  if (rows.some(isPossible)) return undefined;
  return rows.find((row) => row.blocked !== undefined)?.blocked ?? t(otherwise);
}

const readOnly = (): string | undefined => (isReadOnly.value ? t('blocked.readOnly') : undefined);

function copy(rows: readonly LayerRow[], format: CopyFormat): void {
  const { shown } = viewState.peek();
  const text = copyRows(rows, shown, format, (id) => t(columns[id].title));
  void copyText(text, t('copied', { n: rows.length }));
}

const needsRows = (rows: readonly LayerRow[]): string | undefined =>
  rows.length === 0 ? t('blocked.noSelection') : undefined;

const canMeasure = (): boolean => estimate.value?.edits.some((e) => e.type !== 'prune-blocks') === true;

export const layerCommands: readonly LayerCommand[] = [
  {
    id: 'quantize',
    icon: 'fold-vertical',
    title: 'action.quantize',
    hint: 'action.quantize.hint',
    isInToolbar: true,
    blocked: (rows) => readOnly() ?? unless(rows, (row) => row.canQuantize, 'blocked.quantize'),
    run: (rows) => startQuantize(idsOf(rows.filter((row) => row.canQuantize))),
  },
  {
    id: 'prune',
    icon: 'eraser',
    title: 'action.prune',
    hint: 'action.prune.hint',
    isInToolbar: true,
    blocked: (rows) => readOnly() ?? unless(rows, (row) => row.canPrune, 'blocked.prune'),
    run: (rows) => startPrune(idsOf(rows.filter((row) => row.canPrune))),
  },
  {
    id: 'revert',
    icon: 'discard',
    title: 'action.revert',
    hint: 'action.revert.hint',
    isInToolbar: true,
    blocked: (rows) => readOnly() ?? unless(rows, (row) => row.change !== undefined, 'blocked.revert'),
    run: (rows) => void revertLayers(idsOf(rows.filter((row) => row.change !== undefined))),
  },
  {
    id: 'text',
    icon: 'go-to-file',
    title: 'action.goToText',
    hint: 'action.goToText.hint',
    isInToolbar: false,
    blocked: needsRows,
    run: (rows) => void openTextView(rows[0]?.id),
  },
  {
    id: 'similar',
    icon: 'list-selection',
    title: 'action.similar',
    hint: 'action.similar.hint',
    isInToolbar: false,
    blocked: needsRows,
    run: (rows) => {
      const ops = new Set(rows.map((row) => row.opType));
      selection.value = new Set(idsOf(layers.peek().filter((row) => ops.has(row.opType))));
    },
  },
  {
    id: 'measure',
    icon: 'symbol-ruler',
    title: 'action.measure',
    hint: 'action.measure.hint',
    isInToolbar: false,
    blocked: () => (canMeasure() ? undefined : t('blocked.measure')),
    run: () => void measureSqnr(),
  },
  {
    id: 'tsv',
    icon: 'copy',
    title: 'action.copyTsv',
    hint: 'action.copyTsv.hint',
    isInToolbar: false,
    blocked: needsRows,
    run: (rows) => copy(rows, 'tsv'),
  },
  {
    id: 'markdown',
    icon: 'markdown',
    title: 'action.copyMarkdown',
    hint: 'action.copyMarkdown.hint',
    isInToolbar: false,
    blocked: needsRows,
    run: (rows) => copy(rows, 'markdown'),
  },
];

export function commandById(id: string): LayerCommand | undefined {
  return layerCommands.find((command) => command.id === id);
}
