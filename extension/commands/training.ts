/** "Estimate Training…": what training the model takes with an optimizer, and which cards hold it. */
import { l10n, window, type QuickPickItem } from 'vscode';
import { formatBytes } from '../../src/format.ts';
import type { OptimizerName, TrainingChoice, TrainingView } from '../../src/protocol.ts';
import { targetModel } from '../target.ts';
import { showError, type Command } from './command.ts';

const optimizers: Readonly<Record<OptimizerName, string>> = {
  sgd: 'SGD',
  momentum: 'Momentum',
  adam: 'Adam',
  adamw: 'AdamW',
};

/** For other extensions: `{ "optimizer": "adamw" }`, and the other fields of `TrainingChoice`, asks nothing. */
export const estimateTraining: Command = {
  id: 'vramLens.training',
  run: async (services, argument, given) => {
    const uri = await targetModel(argument);
    if (uri === undefined) return undefined;
    return services.documents.use(uri, async (document) => {
      const known = givenChoice(given);
      const choice = known ?? (await askChoice());
      if (choice === undefined) return undefined;
      const view = await document.ask('trainingView', choice);
      if (known === undefined) void show(document.fileName, choice, view).catch(showError);
      return view;
    });
  },
};

const plain = { optimizerBits: 32, precision: 'float32', isCheckpointed: false } as const;

function givenChoice(given: unknown): TrainingChoice | undefined {
  if (typeof given !== 'object' || given === null || !('optimizer' in given)) return undefined;
  const { optimizer } = given;
  if (typeof optimizer !== 'string' || !isOptimizer(optimizer)) return undefined;
  return {
    optimizer,
    optimizerBits: 'optimizerBits' in given && given.optimizerBits === 8 ? 8 : 32,
    precision: 'precision' in given && given.precision === 'mixed' ? 'mixed' : 'float32',
    isCheckpointed: 'isCheckpointed' in given && given.isCheckpointed === true,
  };
}

function isOptimizer(text: string): text is OptimizerName {
  return Object.hasOwn(optimizers, text);
}

async function askChoice(): Promise<TrainingChoice | undefined> {
  const names = Object.keys(optimizers).filter(isOptimizer);
  const optimizer = await window.showQuickPick(
    names.map((name) => ({ label: optimizers[name], name })),
    { title: l10n.t('Train with which optimizer?') },
  );
  if (optimizer === undefined) return undefined;
  const ways: (QuickPickItem & Omit<TrainingChoice, 'optimizer'>)[] = [
    { label: 'float32', ...plain },
    { label: l10n.t('Mixed precision'), ...plain, precision: 'mixed' },
    { label: l10n.t('float32, with checkpointing'), ...plain, isCheckpointed: true },
    {
      label: l10n.t('Mixed precision, with checkpointing'),
      ...plain,
      precision: 'mixed',
      isCheckpointed: true,
    },
    { label: l10n.t('Mixed precision, optimizer in 8 bits'), ...plain, precision: 'mixed', optimizerBits: 8 },
  ];
  const way = await window.showQuickPick(ways, { title: l10n.t('In which precision?') });
  if (way === undefined) return undefined;
  const { optimizerBits, precision, isCheckpointed } = way;
  return { optimizer: optimizer.name, optimizerBits, precision, isCheckpointed };
}

async function show(file: string, choice: TrainingChoice, view: TrainingView): Promise<void> {
  const bytes = (n: number | undefined) => (n === undefined ? l10n.t('unknown') : formatBytes(n));
  const { cache } = view;
  const items: QuickPickItem[] = [
    ...view.parts
      .filter((p) => p.bytes !== 0)
      .map((p) => ({ label: partTitles[p.name](), description: bytes(p.bytes), detail: p.formula ?? '' })),
    ...(cache === undefined
      ? []
      : [{ label: l10n.t('Key-value cache'), description: bytes(cache.bytes), detail: cache.formula ?? '' }]),
    ...view.cards
      .slice(0, 5)
      .map((c) => ({ label: `$(pass) ${bytes(c.memoryBytes)}`, detail: c.names.join(', ') })),
  ];
  const peak = view.isAtLeast ? l10n.t('at least {0}', bytes(view.peakBytes)) : bytes(view.peakBytes);
  await window.showQuickPick(items, {
    title: l10n.t('Training {0} with {1}: {2}', file, optimizers[choice.optimizer], peak),
  });
}

const partTitles: Readonly<Record<TrainingView['parts'][number]['name'], () => string>> = {
  weights: () => l10n.t('Weights'),
  gradients: () => l10n.t('Gradients'),
  optimizer: () => l10n.t('Optimizer state'),
  master: () => l10n.t('float32 master weights'),
  activations: () => l10n.t('Activations kept'),
  transient: () => l10n.t('For a moment, beside'),
};
