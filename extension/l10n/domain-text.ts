/**
 * What src/ says (notes, reasons, warnings) in the language of the editor. Its messages are English sentences with
 * names and figures in them; here each is found by its shape, and translated by the bundle as any other text.
 */
import { l10n } from 'vscode';
import { domainTemplates } from './domain-templates.ts';
import { templateMatcher, type Match } from './template-matcher.ts';

let match: ((message: string) => Match | undefined) | undefined;

/** The message in the editor's language; as it is where no translation is known. */
export function localize(message: string): string {
  if (l10n.bundle === undefined) return message;
  match ??= templateMatcher(domainTemplates);
  const found = match(message);
  return found === undefined ? message : l10n.t(found.template, ...found.values.map(localize));
}
