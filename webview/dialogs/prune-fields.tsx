/** Channels that go, or weights that become zero: which, and how many. */
import type { ChannelOptions, EditRequest, PruneOptions, ZeroOptions } from '../../src/protocol.ts';
import { t } from '../l10n/index.ts';
import { changeDraft, usualBlocks, usualChannels, usualZeros } from '../state/draft.ts';
import { estimate, opened } from '../state/store.ts';
import { BlockFields, type BlocksRequest } from './block-fields.tsx';
import { CalibrationField } from './calibration-field.tsx';
import { Choice } from './choice.tsx';
import { Importance } from './importance.tsx';
import { LayerRatios } from './layer-ratios.tsx';
import { type Named, Select } from './select.tsx';

export type PruneRequest = EditRequest & { readonly type: 'prune' };

export function PruneFields({ edit }: { readonly edit: PruneRequest | BlocksRequest }) {
  const { layerIds } = edit;
  const choose = (options: PruneOptions): void => changeDraft({ type: 'prune', layerIds, options });
  const isBlocks = edit.type === 'prune-blocks';
  const kind = isBlocks ? 'blocks' : edit.options.kind;
  const ratio = isBlocks ? usualChannels.ratio : edit.options.ratio;
  return (
    <div class="dialog-fields">
      <fieldset>
        <legend>{t('prune.kind')}</legend>
        <Choice
          name="kind"
          title={t('prune.channels')}
          hint={t('prune.channels.hint')}
          isChosen={kind === 'channels'}
          onChoose={() => choose({ ...usualChannels, ratio })}
        />
        <Choice
          name="kind"
          title={t('prune.blocks')}
          hint={blocksHint()}
          isChosen={isBlocks}
          onChoose={() => changeDraft({ type: 'prune-blocks', layerIds, options: usualBlocks })}
        />
        <Choice
          name="kind"
          title={t('prune.zeros')}
          hint={t('prune.zeros.hint')}
          isChosen={kind === 'zeros'}
          onChoose={() => choose({ ...usualZeros, ratio })}
        />
      </fieldset>
      {isBlocks ? <BlockFields edit={edit} /> : <LayerFields edit={edit} choose={choose} />}
    </div>
  );
}

/** Residual blocks are those of the main graph: said where weights are elsewhere, too. */
function blocksHint(): string {
  const { value } = opened;
  const hasBodies = value.kind === 'model' && value.view.model.hasWeightsInBodies;
  return t(hasBodies ? 'prune.blocks.hint.bodies' : 'prune.blocks.hint');
}

interface LayerFieldsProps {
  readonly edit: PruneRequest;
  readonly choose: (options: PruneOptions) => void;
}

function LayerFields({ edit, choose }: LayerFieldsProps) {
  const { options } = edit;
  return (
    <>
      <div class="settings">
        {options.kind === 'channels' ? (
          <ChannelFields options={options} choose={choose} />
        ) : (
          <ZeroFields options={options} choose={choose} />
        )}
      </div>
      {options.ratios === undefined ? (
        !('pattern' in options && options.pattern !== undefined) && (
          <Ratio
            label={t(options.kind === 'channels' ? 'prune.channelRatio' : 'prune.ratio')}
            ratio={options.ratio}
            onChange={(ratio) => choose({ ...options, ratio })}
          />
        )
      ) : (
        <LayerRatios
          options={options}
          ratios={options.ratios}
          onDrop={() => choose({ ...options, ratios: undefined })}
        />
      )}
      {looksAtData(options) && (
        <CalibrationField
          value={options.calibration ?? estimate.value?.calibration}
          onChange={(calibration) => choose({ ...options, calibration })}
        />
      )}
      <Importance edit={edit} />
    </>
  );
}

/** At what calibration data tell of activations. */
function looksAtData(options: PruneOptions): boolean {
  return options.kind === 'channels'
    ? ['activation', 'reconstruction'].includes(options.importance) || options.repair !== 'none'
    : options.method === 'wanda' || options.method === 'sparsegpt';
}

interface RatioProps {
  readonly label: string;
  readonly ratio: number;
  readonly onChange: (ratio: number) => void;
}

function Ratio({ label, ratio, onChange }: RatioProps) {
  const percent = Math.round(ratio * 100);
  const setPercent = (value: number): void => {
    if (Number.isFinite(value)) onChange(Math.min(100, Math.max(0, Math.round(value))) / 100);
  };
  return (
    <div class="ratio">
      <label for="prune-ratio">{label}</label>
      <input
        id="prune-ratio"
        type="range"
        min={0}
        max={100}
        step={1}
        value={percent}
        style={{ '--fill': `${percent}%` }}
        onInput={(e) => setPercent(e.currentTarget.valueAsNumber)}
      />
      <span class="ratio-number">
        <input
          class="text-input"
          type="number"
          min={0}
          max={100}
          aria-label={label}
          value={percent}
          onInput={(e) => setPercent(e.currentTarget.valueAsNumber)}
        />
        %
      </span>
    </div>
  );
}

const importances: readonly Named<ChannelOptions['importance']>[] = [
  { value: 'expected', title: 'prune.expected' },
  { value: 'l1', title: 'prune.l1' },
  { value: 'l2', title: 'prune.l2' },
  { value: 'batch-norm', title: 'prune.batchNorm' },
  { value: 'activation', title: 'prune.activation' },
  { value: 'reconstruction', title: 'prune.reconstruction' },
  { value: 'random', title: 'prune.random' },
];
const repairs: readonly Named<ChannelOptions['repair']>[] = [
  { value: 'none', title: 'prune.repair.none' },
  { value: 'bias', title: 'prune.repair.bias' },
  { value: 'statistics', title: 'prune.repair.statistics' },
  { value: 'least-squares', title: 'prune.repair.leastSquares' },
];

const multiples: readonly Named<number>[] = [
  { value: 1 },
  { value: 4 },
  { value: 8 },
  { value: 16 },
  { value: 32 },
];

/** Of a single group, where the ratio is one for all. */
const usualMaxRatio = 0.9;
const maxRatios: readonly Named<number>[] = [
  { value: 0.5, text: '50 %' },
  { value: 0.75, text: '75 %' },
  { value: usualMaxRatio, text: '90 %' },
  { value: 1, title: 'prune.maxRatio.all' },
];

interface FieldsProps<T> {
  readonly options: T;
  readonly choose: (options: PruneOptions) => void;
}

function ChannelFields({ options, choose }: FieldsProps<ChannelOptions>) {
  return (
    <>
      <Select
        label="prune.importance"
        list={importances}
        value={options.importance}
        onChange={(importance) => choose({ ...options, importance })}
      />
      <Select
        label="prune.repair"
        list={repairs}
        value={options.repair}
        onChange={(repair) => choose({ ...options, repair })}
      />
      <Select
        label="prune.roundTo"
        hint="prune.roundTo.hint"
        list={multiples}
        value={options.roundTo ?? 1}
        onChange={(roundTo) => choose({ ...options, roundTo: roundTo === 1 ? undefined : roundTo })}
      />
      <Choice
        title={t('prune.shared')}
        hint={t('prune.shared.hint')}
        isChosen={options.scope === 'global'}
        onChoose={() =>
          choose({
            ...options,
            scope: options.scope === 'global' ? undefined : 'global',
            maxRatio: undefined,
            ratios: undefined,
          })
        }
      />
      {options.scope === 'global' && (
        <Select
          label="prune.maxRatio"
          list={maxRatios}
          value={options.maxRatio ?? usualMaxRatio}
          onChange={(maxRatio) =>
            choose({ ...options, maxRatio: maxRatio === usualMaxRatio ? undefined : maxRatio })
          }
        />
      )}
      <Choice
        title={t('prune.approximate')}
        hint={t('prune.approximate.hint')}
        isChosen={options.approximate === true}
        onChoose={() => choose({ ...options, approximate: options.approximate === true ? undefined : true })}
      />
    </>
  );
}

/** Which weights: method and scope in one, since only magnitudes have a threshold for all. */
const methods: readonly (Named<string> & Pick<ZeroOptions, 'method' | 'scope'>)[] = [
  { value: 'magnitude', title: 'prune.magnitude', method: 'magnitude', scope: 'layer' },
  { value: 'global', title: 'prune.global', method: 'magnitude', scope: 'global' },
  { value: 'random', title: 'prune.random', method: 'random', scope: 'layer' },
  { value: 'wanda', title: 'prune.wanda', method: 'wanda', scope: 'layer' },
  { value: 'sparsegpt', title: 'prune.sparsegpt', method: 'sparsegpt', scope: 'layer' },
];
const patterns: readonly Named<string>[] = [
  { value: '', title: 'prune.pattern.none' },
  { value: '2:4', title: 'prune.pattern.2of4' },
  { value: '4:8', title: 'prune.pattern.4of8' },
  { value: '1:4', title: 'prune.pattern.1of4' },
];

function ZeroFields({ options, choose }: FieldsProps<ZeroOptions>) {
  const { method, scope, pattern, sparse } = options;
  return (
    <>
      <Select
        label="prune.method"
        list={methods}
        value={scope === 'global' ? 'global' : method}
        onChange={(value) => {
          const found = methods.find((m) => m.value === value);
          if (found === undefined) return;
          const { scope } = found;
          choose({
            ...options,
            method: found.method,
            scope,
            ratios: scope === 'layer' ? options.ratios : undefined,
            pattern: scope === 'layer' ? pattern : undefined,
            sparse: scope === 'layer' ? sparse : undefined,
          });
        }}
      />
      {scope === 'layer' && (
        <Select
          label="prune.pattern"
          list={patterns}
          value={pattern ?? ''}
          onChange={(value) =>
            // a pattern leaves as many of each layer
            choose(
              value === ''
                ? { ...options, pattern: undefined }
                : { ...options, pattern: value, ratios: undefined },
            )
          }
        />
      )}
      {scope === 'layer' && (
        <Choice
          title={t('prune.sparse')}
          hint={t('prune.sparse.hint')}
          isChosen={sparse === true}
          onChoose={() => choose({ ...options, sparse: sparse === true ? undefined : true })}
        />
      )}
    </>
  );
}
