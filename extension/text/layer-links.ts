/** What can be done with a layer from the text: over its line, and in the hover over it. */
import { l10n, type Command } from 'vscode';
import type { LensView } from '../session/text/lenses.ts';
import type { TextView } from './text-views.ts';

/** The commands of {@link layerLinks}, which a hover is to be allowed. */
export const linkCommands = ['reveal', 'quantize', 'prune', 'revert'].map((c) => `vramLens.layer.${c}`);

/**
 * The first shows the layer in the editor; what follows changes it, of which the original side has none. Their words
 * are made when they come into sight: a large model has thousands.
 * @param reveal the words of the first
 */
export function layerLinks(
  { document, side }: TextView,
  lens: Omit<LensView, 'cost'>,
  reveal: () => string,
): (() => Command)[] {
  const { layerId, quantize, canPrune, isChanged } = lens;
  const link =
    (title: () => string, command: string, tooltip?: () => string, ...args: readonly unknown[]) =>
    (): Command => ({
      title: title(),
      command,
      arguments: [document.uri.toString(), layerId, ...args],
      ...(tooltip === undefined ? {} : { tooltip: tooltip() }),
    });
  const links = [link(reveal, 'vramLens.layer.reveal', () => l10n.t('Show the layer in the editor'))];
  if (side === 'original') return links;
  if (quantize !== undefined) {
    const { title, tooltip, form } = quantize;
    const args = form === undefined ? [] : [form];
    links.push(link(() => title, 'vramLens.layer.quantize', () => tooltip, ...args)); // prettier-ignore
  }
  if (canPrune) links.push(link(() => l10n.t('Prune…'), 'vramLens.layer.prune'));
  if (isChanged) links.push(link(() => l10n.t('Revert'), 'vramLens.layer.revert'));
  return links;
}
