/** What quantizing would take off each layer, said before it is done. */
import { applyRecipe } from '../../../src/transforms/index.ts';
import type { FormName } from '../../../src/protocol.ts';
import { usualEdit, type UsualSettings } from '../../forms.ts';
import type { Snapshot } from '../snapshot.ts';

/** Bytes less, by the node that holds the weight. */
export type Savings = ReadonlyMap<string, number>;

/** Lenses are asked for again and again, while only an edit changes what they say. */
const known = new WeakMap<Snapshot, Map<string, Savings>>();

/** Of every layer that the form can still be applied to; no weight is read. */
export function savingsBy(snapshot: Snapshot, form: FormName, usual: UsualSettings): Savings {
  const ofSnapshot = known.get(snapshot) ?? new Map<string, Savings>();
  known.set(snapshot, ofSnapshot);
  const key = JSON.stringify([form, usual]);
  const found = ofSnapshot.get(key) ?? savingsOf(snapshot, form, usual);
  ofSnapshot.set(key, found);
  return found;
}

function savingsOf({ base, recipe }: Snapshot, form: FormName, usual: UsualSettings): Savings {
  const edits = [...recipe.edits, usualEdit(form, { all: true }, usual)];
  const { changes } = applyRecipe(base.model, { ...recipe, edits });
  return new Map(
    changes
      .filter((c) => c.edit === recipe.edits.length && c.status === 'applied')
      .map((c) => [c.node, c.beforeBytes - c.afterBytes]),
  );
}
