/** Asks for how much device memory there is: a GPU of this machine, a common card, or a figure. */
import { l10n, QuickPickItemKind, window, type QuickPickItem } from 'vscode';
import { formatBytes } from '../../src/format.ts';
import { commonCards, parseBudget } from '../budget.ts';
import type { Devices } from '../devices.ts';
import { settings } from '../settings.ts';

/** `bytes` undefined: no budget. */
export interface Budget {
  readonly bytes: number | undefined;
}

interface Choice extends QuickPickItem {
  readonly choose?: () => Promise<Budget | undefined>;
}

const gibibyte = 1024 ** 3;

/** Undefined where the person gave up. */
export async function askBudget(devices: Devices): Promise<Budget | undefined> {
  // the list is there at once; the system's GPUs may take seconds the first time
  const chosen = await window.showQuickPick(choices(devices), {
    title: l10n.t('How much memory does the device have?'),
    matchOnDescription: true,
  });
  return chosen?.choose?.();
}

async function choices(devices: Devices): Promise<Choice[]> {
  const found = await devices.all();
  const configured = settings.budgetBytes;
  return [
    ...(configured === undefined ? [] : [sized(l10n.t('As in the settings'), configured)]),
    ...heading(l10n.t('this machine'), found.length),
    ...found.map((d) => sized(d.name, d.vramBytes)),
    ...heading(l10n.t('a figure'), 1),
    { label: l10n.t('Another size…'), choose: askSize },
    { label: l10n.t('No budget'), choose: () => Promise.resolve({ bytes: undefined }) },
    ...heading(l10n.t('common cards'), commonCards.length),
    ...commonCards.map((c) => sized(c.name, c.gibibytes * gibibyte)),
  ];
}

function sized(label: string, bytes: number): Choice {
  return { label, description: formatBytes(bytes), choose: () => Promise.resolve({ bytes }) };
}

function heading(label: string, count: number): Choice[] {
  return count === 0 ? [] : [{ label, kind: QuickPickItemKind.Separator }];
}

async function askSize(): Promise<Budget | undefined> {
  const text = await window.showInputBox({
    title: l10n.t('Device memory'),
    prompt: l10n.t('e.g. 8 GiB or 512 MiB; a bare number is GiB'),
    validateInput: (t) =>
      parseBudget(t) === undefined ? l10n.t('A size such as 8 GiB or 512 MiB') : undefined,
  });
  return text === undefined ? undefined : { bytes: parseBudget(text) };
}
