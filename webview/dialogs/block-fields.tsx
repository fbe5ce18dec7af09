/** Which residual blocks go: the least of them, or those that are ticked. */
import type { BlockOptions, BlocksView, EditRequest } from '../../src/protocol.ts';
import { formatBytes } from '../../src/format.ts';
import { t } from '../l10n/index.ts';
import { useAnswer, useStopReading, type Answer } from '../state/answer.ts';
import { changeDraft } from '../state/draft.ts';
import { estimate } from '../state/store.ts';
import { CalibrationField } from './calibration-field.tsx';
import { NumberField } from './number-field.tsx';
import { type Named, Select } from './select.tsx';

export type BlocksRequest = EditRequest & { readonly type: 'prune-blocks' };

const importances: readonly Named<BlockOptions['importance']>[] = [
  { value: 'weights', title: 'blocks.weights' },
  { value: 'influence', title: 'blocks.influence' },
];

export function BlockFields({ edit }: { readonly edit: BlocksRequest }) {
  const { options } = edit;
  const answer = useBlocks(edit);
  useStopReading();
  const choose = (next: Partial<BlockOptions>): void =>
    changeDraft({ ...edit, options: { ...options, ...next } });
  return (
    <>
      <div class="settings">
        <Select
          label="blocks.importance"
          list={importances}
          value={options.importance}
          onChange={(importance) => choose({ importance, blocks: [] })}
        />
      </div>
      {options.importance === 'influence' && (
        <CalibrationField
          value={options.calibration ?? estimate.value?.calibration}
          onChange={(calibration) => choose({ calibration, blocks: [] })}
        />
      )}
      {answer.kind === 'pending' && (
        <p class="muted">{t(options.importance === 'weights' ? 'spread.reading' : 'blocks.running')}</p>
      )}
      {answer.kind === 'failed' && (
        <p class="error-text" role="alert">
          {answer.message}
        </p>
      )}
      {answer.kind === 'known' && (
        <Blocks view={answer.view} chosen={options.blocks} choose={(blocks) => choose({ blocks })} />
      )}
    </>
  );
}

/** Asked anew for each importance and data; the blocks that are ticked do not matter. */
function useBlocks({ options }: BlocksRequest): Answer<BlocksView> {
  const { importance } = options;
  const data = importance === 'weights' ? undefined : (options.calibration ?? estimate.peek()?.calibration);
  return useAnswer((h) => h.blocks(importance, data), [importance, data?.path, data?.samples]);
}

interface BlocksProps {
  readonly view: BlocksView;
  readonly chosen: readonly string[];
  readonly choose: (blocks: readonly string[]) => void;
}

function Blocks({ view: { blocks }, chosen, choose }: BlocksProps) {
  const ranked = blocks.filter((b) => b.rank !== undefined);
  if (blocks.length === 0) return <p class="muted">{t('blocks.none')}</p>;
  const inOrder = (isChosen: (id: string) => boolean): string[] =>
    blocks.map((b) => b.id).filter((id) => isChosen(id));
  const takeLeast = (n: number): void => {
    const least = new Set(ranked.filter((b) => (b.rank ?? n) < n).map((b) => b.id));
    choose(inOrder((id) => least.has(id)));
  };
  const toggle = (id: string): void =>
    choose(inOrder((other) => (other === id ? !chosen.includes(id) : chosen.includes(other))));
  return (
    <>
      <NumberField
        label="blocks.count"
        value={chosen.length}
        {...{ min: 0, max: ranked.length, step: 1, onChange: takeLeast }}
      />
      {chosen.length === 0 && <p class="muted">{t('blocks.choose')}</p>}
      <div class="blocks">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">{t('blocks.block')}</th>
              <th scope="col" class="numeric">
                {t('blocks.saves')}
              </th>
              <th scope="col" class="numeric">
                {t('blocks.score')}
              </th>
            </tr>
          </thead>
          <tbody>
            {blocks.map((block) => (
              <Row key={block.id} block={block} isChosen={chosen.includes(block.id)} toggle={toggle} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface RowProps {
  readonly block: BlocksView['blocks'][number];
  readonly isChosen: boolean;
  readonly toggle: (id: string) => void;
}

function Row({ block: { id, bytes, layers, score, rank, blocked }, isChosen, toggle }: RowProps) {
  return (
    <tr>
      <th scope="row" title={t('blocks.layers', { n: layers })}>
        <label>
          <input
            type="checkbox"
            checked={isChosen}
            disabled={blocked !== undefined}
            onChange={() => toggle(id)}
          />{' '}
          {id}
        </label>
        {blocked !== undefined && <p class="muted block-refused">{blocked}</p>}
      </th>
      <td class="numeric">{formatBytes(bytes)}</td>
      <td class="numeric">
        {score === undefined ? '–' : score.toPrecision(3)}
        {rank !== undefined && <span class="muted"> #{rank + 1}</span>}
      </td>
    </tr>
  );
}
