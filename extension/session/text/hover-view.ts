/** What a person needs to know of a node at a glance: its cost, what it is made of, what can be done. The inspector has the rest. */
import { l10n } from 'vscode';
import { describeNode, type Fact } from '../../../src/analysis/index.ts';
import type { UsualSettings } from '../../forms.ts';
import { localize } from '../../l10n/domain-text.ts';
import type { Side } from '../../text/text-uri.ts';
import { batchText } from '../../views/batch-text.ts';
import { changeFacts } from '../../views/describe.ts';
import type { LayerState } from '../../views/layers.ts';
import type { Shown } from '../shown.ts';
import { lensView, type LensView } from './lenses.ts';
import { layersOfSide, sideView } from './side.ts';

export interface HoverView {
  /** e.g. `Gemm (opset 17) → 1 × 128 float32` */
  readonly operator: string;
  /** e.g. `64.5 KiB weights · 1.00 KiB activations @ batch 1 · 0.3 % of the peak` */
  readonly cost: string;
  /** What it is made of, and what becomes of it: one line each. */
  readonly details: readonly string[];
  /** What can be done; undefined where the node belongs to no layer. */
  readonly lens: LensView | undefined;
}

const separator = ' · ';
const shownNames = 2;

export function hoverView(shown: Shown, side: Side, id: string, usual: UsualSettings): HoverView {
  const view = sideView(shown, side);
  const facts = describeNode(view.analysis, view.estimate, id);
  const layer = layersOfSide(view).find((l) => l.nodes.includes(id));
  const value = valuesOf(facts);
  const batch = batchText(shown);
  const given = [value('outputShape'), value('outputType')].filter(isKnown).join(' ');
  const unknown = value('unknown');
  return {
    operator: [value('operator'), given].filter((t) => isKnown(t) && t !== '').join(' → '),
    cost: costLine(value, batch),
    details: [
      ...(unknown === undefined ? [] : [l10n.t('unknown: {0}', localize(unknown))]),
      makingLine(value),
      weightsLine(value, view.estimate.ep),
      ...changeLines(shown, layer),
    ].filter((line) => line !== ''),
    lens: layer === undefined ? undefined : lensView(shown, side, usual, layer, batch),
  };
}

type Values = (label: Fact['label']) => string | undefined;

function valuesOf(facts: readonly Fact[]): Values {
  const byLabel = new Map(facts.map((f) => [f.label, f.value]));
  return (label) => byLabel.get(label);
}

function isKnown(text: string | undefined): text is string {
  return text !== undefined;
}

/** The parts that there are, in words: `say('{0} weights', …)` of what is undefined is left out. */
function line(parts: readonly (string | undefined)[]): string {
  return parts.filter(isKnown).join(separator);
}

const said = (text: string | undefined, say: (text: string) => string): string | undefined =>
  text === undefined ? undefined : say(text);

function costLine(value: Values, batch: string): string {
  const activations = value('activationBytes');
  return line([
    said(value('parameterBytes'), (bytes) => l10n.t('{0} weights', bytes)),
    activations === undefined
      ? l10n.t('unknown activations')
      : `${l10n.t('{0} activations', activations)}${batch}`,
    said(value('shareOfPeak'), (share) => l10n.t('{0} of the peak', share)),
  ]);
}

function makingLine(value: Values): string {
  return line([
    value('activationFormula'),
    said(value('parameterCount'), (count) => l10n.t('{0} parameters', count)),
    said(value('macs'), (count) => l10n.t('{0} multiply-accumulates', count)),
    said(value('aliveBytes'), (bytes) => l10n.t('{0} alive while it runs', bytes)),
  ]);
}

/** Why is said where the device does not hold what the file does. */
function weightsLine(value: Values, ep: string): string {
  const [form, fate, note] = [value('weightForm'), value('weightFate'), value('weightNote')];
  if (form === undefined || fate === undefined) return '';
  const isAsStored = fate === 'stays as stored';
  const reason = isAsStored || note === undefined ? '' : ` (${localize(note)})`;
  return line([said(value('weights'), fewNames), localize(form), `${ep}: ${localize(fate)}${reason}`]);
}

function fewNames(names: string): string {
  const all = names.split(', ');
  const more = all.length - shownNames;
  return `${all.slice(0, shownNames).join(', ')}${more > 0 ? ` +${more}` : ''}`;
}

function changeLines(shown: Shown, layer: LayerState | undefined): string[] {
  return layer === undefined ? [] : changeFacts(shown, layer).map(({ label, value }) => `${label}: ${value}`);
}
