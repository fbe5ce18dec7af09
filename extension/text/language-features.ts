/** What the text view offers beside its words. */
import { languages, type DocumentSelector } from 'vscode';
import { Owner, type Disposable } from '../disposable.ts';
import type { Services } from '../services.ts';
import { ChangeMarks } from './change-marks.ts';
import { LayerLenses } from './code-lens.ts';
import { LayerActions } from './code-actions.ts';
import { CostHover } from './hover.ts';
import { WeightHints } from './inlay-hints.ts';
import { PeakLink } from './links.ts';
import { Navigation } from './navigation.ts';
import { Problems } from './problems.ts';
import { Structure } from './structure.ts';
import { textScheme } from './text-uri.ts';

const selector: DocumentSelector = { scheme: textScheme };

export function languageFeatures({ texts }: Services): Disposable {
  const owner = new Owner();
  const lenses = owner.own(new LayerLenses(texts));
  owner.own(languages.registerCodeLensProvider(selector, lenses));
  owner.own(languages.registerHoverProvider(selector, new CostHover(texts)));
  owner.own(languages.registerInlayHintsProvider(selector, new WeightHints(texts)));
  owner.own(languages.registerDocumentLinkProvider(selector, new PeakLink(texts)));
  const actions = { providedCodeActionKinds: LayerActions.kinds };
  owner.own(languages.registerCodeActionsProvider(selector, new LayerActions(texts), actions));
  owner.own(new ChangeMarks(texts));
  owner.own(new Problems(texts));
  const structure = new Structure(texts);
  owner.own(languages.registerDocumentSymbolProvider(selector, structure));
  owner.own(languages.registerFoldingRangeProvider(selector, structure));
  const navigation = new Navigation(texts);
  owner.own(languages.registerDefinitionProvider(selector, navigation));
  owner.own(languages.registerReferenceProvider(selector, navigation));
  return owner;
}
