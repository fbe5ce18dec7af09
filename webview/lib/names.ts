/** Names in a sentence: the first few, and how many more there are. */
import { t } from '../l10n/index.ts';

const shown = 3;

export function someNames(names: readonly string[]): string {
  const first = names.slice(0, shown).join(', ');
  return names.length <= shown ? first : t('layers.andMore', { names: first, n: names.length - shown });
}
