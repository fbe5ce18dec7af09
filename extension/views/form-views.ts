/** What each form would make of layers: enough to choose one, before its dialog or list says more. */
import type { FormName, FormView } from '../../src/protocol.ts';
import type { LayerSelector } from '../../src/transforms/index.ts';
import type { Shown } from '../session/shown.ts';
import { formNames, usualEdit, type FormEdit, type UsualSettings } from '../forms.ts';
import { localize } from '../l10n/domain-text.ts';
import { formOutcome } from './form-outcome.ts';

/** By name, in the order in which they are offered. */
export function formViews(document: Shown, layers: LayerSelector, usual: UsualSettings): FormView[] {
  return formNames.map((name) => formView(document, name, usualEdit(name, layers, usual)));
}

export function formView(document: Shown, name: FormName, edit: FormEdit): FormView {
  const { base, recipe } = document.snapshot;
  const outcome = formOutcome({ model: base.model, recipe, ep: document.options.ep }, edit);
  const { warning } = outcome;
  return { ...outcome, name, warning: warning === undefined ? undefined : localize(warning) };
}
