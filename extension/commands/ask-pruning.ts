/** The questions of "Prune…": channels or zeros, by what, how many. */
import { l10n, window, type QuickPickItem } from 'vscode';
import type { ChannelOptions, PruneOptions, ZeroOptions } from '../../src/protocol.ts';
import { settings } from '../settings.ts';

interface Item<T> extends QuickPickItem {
  readonly value: T;
}

export async function askPruning(): Promise<PruneOptions | undefined> {
  const kinds: readonly Item<PruneOptions['kind']>[] = [
    {
      label: l10n.t('Remove channels (saves memory)'),
      detail: l10n.t('Output channels, neurons and heads go, and all that belongs to them in other layers'),
      value: 'channels',
    },
    {
      label: l10n.t('Zero weights (saves none)'),
      detail: l10n.t(
        'Zeroed weights take as much memory as before; they show what the model can do without.',
      ),
      value: 'zeros',
    },
  ];
  const kind = await pick(l10n.t('Prune how?'), kinds);
  if (kind === undefined) return undefined;
  return kind === 'channels' ? askChannels() : askZeros();
}

async function askChannels(): Promise<ChannelOptions | undefined> {
  const importance = await pick<ChannelOptions['importance']>(l10n.t('Remove which channels?'), [
    {
      label: l10n.t('Least expected loss'),
      detail: l10n.t('Of the layers that read the channels, worked out from the model alone'),
      value: 'expected',
    },
    { label: l10n.t('Smallest weights (L1)'), detail: l10n.t('By the sum of magnitudes'), value: 'l1' },
    { label: l10n.t('Smallest weights (L2)'), detail: l10n.t('By the sum of squares'), value: 'l2' },
    {
      label: l10n.t('Smallest BatchNorm scales'),
      detail: l10n.t('Only of layers that a BatchNormalization follows'),
      value: 'batch-norm',
    },
    {
      label: l10n.t('Smallest activations'),
      detail: l10n.t('Runs calibration data through the model when it is saved'),
      value: 'activation',
    },
    {
      label: l10n.t('Easiest to make up for'),
      detail: l10n.t('What the other channels can stand in for; runs calibration data when it is saved'),
      value: 'reconstruction',
    },
    { label: l10n.t('Random'), detail: l10n.t('A baseline to compare with'), value: 'random' },
  ]);
  if (importance === undefined) return undefined;
  const ratio = await askShare(l10n.t('How many of the channels, in percent?'));
  return ratio === undefined ? undefined : { kind: 'channels', importance, ratio, repair: 'none' };
}

async function askZeros(): Promise<ZeroOptions | undefined> {
  const method = await pick<ZeroOptions['method']>(l10n.t('Prune which weights?'), [
    {
      label: l10n.t('Smallest magnitudes'),
      detail: l10n.t('The weights nearest to zero become zero'),
      value: 'magnitude',
    },
    { label: l10n.t('Random'), detail: l10n.t('A baseline to compare with'), value: 'random' },
    {
      label: 'Wanda',
      detail: l10n.t('Magnitude times the norm of the input; runs calibration data when it is saved'),
      value: 'wanda',
    },
    {
      label: 'SparseGPT',
      detail: l10n.t('The weights that stay make up for it; runs calibration data when it is saved'),
      value: 'sparsegpt',
    },
  ]);
  if (method === undefined) return undefined;
  const ratio = await askShare(l10n.t('How many of the weights, in percent?'));
  return ratio === undefined ? undefined : { kind: 'zeros', method, ratio, scope: 'layer' };
}

async function pick<T>(title: string, items: readonly Item<T>[]): Promise<T | undefined> {
  return (await window.showQuickPick(items, { title }))?.value;
}

async function askShare(title: string): Promise<number | undefined> {
  const share = await window.showInputBox({
    title,
    value: String(Math.round(settings.pruneRatio * 100)),
    validateInput: (text) =>
      percent(text) === undefined ? l10n.t('A number above 0, up to 100') : undefined,
  });
  return share === undefined ? undefined : percent(share);
}

function percent(text: string): number | undefined {
  const value = Number(text.trim().replace(/%$/, '').replace(',', '.'));
  return text.trim() !== '' && value > 0 && value <= 100 ? value / 100 : undefined;
}
