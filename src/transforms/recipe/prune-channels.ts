import { boolean, integer, object, oneOf, optional, RecipeError, share } from './checks.ts';
import type { EditCodec } from './codec.ts';
import { describeLayers, parseSelector, type LayerSelector } from './selector.ts';

/** By what channels are ranked. `activation`, `reconstruction` and every repair need calibration data. */
export const CHANNEL_IMPORTANCES = [
  'expected',
  'l1',
  'l2',
  'batch-norm',
  'activation',
  'reconstruction',
  'random',
] as const;
export type ChannelImportance = (typeof CHANNEL_IMPORTANCES)[number];

/**
 * What makes up for the channels that are gone, in the layers that read them. `bias`: their mean goes into the bias.
 * `statistics`: BatchNormalizations get the mean and variance that they now see, other layers a scale and a bias that
 * bring each channel's back. `least-squares`: the weights that stay are fitted so that the outputs over calibration data
 * come closest. Layers are repaired one after another, on what those before them now give.
 */
export const CHANNEL_REPAIRS = ['none', 'bias', 'statistics', 'least-squares'] as const;
export type ChannelRepair = (typeof CHANNEL_REPAIRS)[number];

/**
 * Removes output channels, neurons or attention heads of the selected layers, and all that belongs to them elsewhere:
 * tensors get smaller. Inputs and outputs of the model keep their shapes.
 */
export interface PruneChannelsEdit {
  readonly type: 'prune-channels';
  /** Layers whose own output channels are removed. */
  readonly layers: LayerSelector;
  readonly importance: ChannelImportance;
  /** Share of the channels of each group that goes, 0..1; at least one stays. */
  readonly ratio: number;
  /**
   * By group (its id in `pruneGroups`): its part of one ratio for all groups together, or what its layers bear; `ratio`
   * is that of all in all, and of groups which are not named.
   */
  readonly ratios?: Readonly<Record<string, number>> | undefined;
  /** For `random`. */
  readonly seed: number;
  readonly repair?: ChannelRepair | undefined;
  /**
   * Groups whose removal is not exact, too: the mean that a LayerNormalization subtracts is then taken over the channels
   * that stay. Without it such groups stay whole.
   */
  readonly approximate?: boolean | undefined;
  /** The channels that stay are a multiple of it. */
  readonly roundTo?: number | undefined;
}

export const pruneChannels: EditCodec<PruneChannelsEdit> = {
  parse: (edit, field) => ({
    type: 'prune-channels',
    layers: parseSelector(edit['layers'], `${field}.layers`),
    importance: oneOf(edit['importance'], `${field}.importance`, CHANNEL_IMPORTANCES),
    ratio: share(edit['ratio'], `${field}.ratio`),
    seed: integer(edit['seed'], `${field}.seed`),
    ...optional(edit, 'ratios', field, parseRatios),
    ...optional(edit, 'repair', field, (json, at) => oneOf(json, at, CHANNEL_REPAIRS)),
    ...optional(edit, 'approximate', field, boolean),
    ...optional(edit, 'roundTo', field, positive),
  }),
  describe: (edit) => {
    const by = edit.importance === 'random' ? `random, seed ${edit.seed}` : `by ${edit.importance}`;
    const repair = edit.repair === undefined || edit.repair === 'none' ? '' : `, ${edit.repair} repair`;
    const means = edit.approximate === true ? ', also where a mean is taken over them' : '';
    const share = `${Number((100 * edit.ratio).toFixed(2))} %`;
    const all = edit.ratios === undefined ? '' : ', each group with a ratio of its own';
    return `remove ${share} of the channels (${by}${all}${repair}${means}) of ${describeLayers(edit.layers)}`;
  },
};

function parseRatios(json: unknown, field: string): Readonly<Record<string, number>> {
  const ratios = Object.entries(object(json, field));
  return Object.fromEntries(ratios.map(([group, ratio]) => [group, share(ratio, `${field}["${group}"]`)]));
}

function positive(json: unknown, field: string): number {
  const value = integer(json, field);
  if (value === 0) throw new RecipeError(field, 'expected a whole number of at least 1, got 0');
  return value;
}
